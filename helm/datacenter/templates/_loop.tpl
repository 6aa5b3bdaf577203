{{/* What workers and the scheduler have in common: a loop that gives signs of life, and a port for metrics alone. */}}

{{/* (list $ "worker" values): ports and probes. The readiness probe starts a program that takes some two seconds of a core, so it runs rarely. */}}
{{- define "datacenter.loop" -}}
{{- $values := index . 2 -}}
{{- $life := dict "path" "/healthz" "port" "metrics" -}}
{{- $ready := list "datacenter" "health" (index . 1) "--ready" -}}
ports:
  - name: metrics
    containerPort: {{ (index . 0).Values.metrics.port }}
startupProbe:
  httpGet: {{ toJson $life }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  {{- include "datacenter.merged" (list (dict "httpGet" $life "periodSeconds" 15 "timeoutSeconds" 10 "failureThreshold" 4) $values.livenessProbe) | nindent 2 }}
readinessProbe:
  {{- include "datacenter.merged" (list (dict "exec" (dict "command" $ready) "periodSeconds" 60 "timeoutSeconds" 20 "failureThreshold" 2) $values.readinessProbe) | nindent 2 }}
{{- end }}

{{/* $: entries of `env`. */}}
{{- define "datacenter.loopEnv" -}}
- name: DATACENTER__HEALTH__DIRECTORY
  value: /run/datacenter
- name: DATACENTER__METRICS__HOST
  value: 0.0.0.0
- name: DATACENTER__METRICS__PORT
  value: {{ .Values.metrics.port | int | quote }}
{{- end }}
