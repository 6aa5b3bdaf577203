{{- define "datacenter.web.container" -}}
name: web
command: [datacenter]
args: [serve]
{{ include "datacenter.container" (dict "root" .root "values" .values "nas" true "env" (list
  (dict "name" "DATACENTER__WEB__HOST" "value" "0.0.0.0")
  (dict "name" "DATACENTER__WEB__PORT" "value" (.values.port | int | toString))
  (dict "name" "DATACENTER__METRICS__HOST" "value" "0.0.0.0")
  (dict "name" "DATACENTER__WEB__METRICS_PORT" "value" (.root.Values.metrics.port | int | toString))
)) }}
ports:
  - name: http
    containerPort: {{ .values.port }}
  - name: metrics
    containerPort: {{ .root.Values.metrics.port }}
lifecycle:
  preStop:
    exec:
      command: [sleep, {{ .values.drainSeconds | int | quote }}]
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  {{- include "datacenter.merged" (list (dict "httpGet" (dict "path" "/healthz" "port" "http") "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) .values.livenessProbe) | nindent 2 }}
readinessProbe:
  {{- include "datacenter.merged" (list (dict "httpGet" (dict "path" "/readyz" "port" "http") "periodSeconds" 5 "timeoutSeconds" 5 "failureThreshold" 3) .values.readinessProbe) | nindent 2 }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}
