{{/* What workers and the scheduler have in common: a loop that gives signs of life, and a port for metrics alone. */}}

{{/* (list $ "worker" values): ports and probes. Each probe starts a program, so they come seldom. */}}
{{- define "datacenter.loop" -}}
{{- $values := index . 2 -}}
{{- $alive := list "datacenter" "health" (index . 1) -}}
ports:
  - name: metrics
    containerPort: {{ (index . 0).Values.metrics.port }}
startupProbe:
  exec:
    command: {{ toJson $alive }}
  periodSeconds: 5
  timeoutSeconds: 10
  failureThreshold: 24
livenessProbe:
  {{- include "datacenter.merged" (list (dict "exec" (dict "command" $alive) "periodSeconds" 30 "timeoutSeconds" 10 "failureThreshold" 3) $values.livenessProbe) | nindent 2 }}
readinessProbe:
  {{- include "datacenter.merged" (list (dict "exec" (dict "command" (append $alive "--ready")) "periodSeconds" 30 "timeoutSeconds" 15 "failureThreshold" 2) $values.readinessProbe) | nindent 2 }}
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
