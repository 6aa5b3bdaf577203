{{- define "datacenter.scheduler.container" -}}
name: scheduler
command: [datacenter-scheduler]
{{ include "datacenter.container" (dict "root" .root "values" .values "nas" true "loop" true) }}
{{ include "datacenter.loop" (list .root "scheduler" .values) }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}
