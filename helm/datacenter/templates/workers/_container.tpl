{{- define "datacenter.worker.container" -}}
name: worker
command: [datacenter-worker]
args: [--queues, {{ join "," .values.queues | quote }}, --concurrency, {{ .values.concurrency | int | quote }}]
{{ include "datacenter.container" (dict "root" .root "values" .values "nas" true "loop" true "env" (list
  (dict "name" "DATACENTER__WORKER__GRACE_SECONDS" "value" (.values.graceSeconds | int | toString))
)) }}
{{ include "datacenter.loop" (list .root "worker" .values) }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}
