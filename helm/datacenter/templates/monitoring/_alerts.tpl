{{/* Alerts of one release, as docs/metrics.md lists them: name, expression, how long it must hold, severity, sentence. */}}
{{- define "datacenter.alerts" -}}
{{- $here := printf "namespace=%q" .Release.Namespace -}}
- alert: DatacenterSchedulerDown
  expr: absent(datacenter_jobs{ {{- $here -}} })
  for: 5m
  severity: critical
  summary: No scheduler exports the state of the ledger. Running jobs finish; retries, missed rings and the sweep wait for it.
- alert: DatacenterQueueStuck
  expr: max by (queue) (datacenter_queue_oldest_age_seconds{ {{- $here -}} }) > {{ .Values.metrics.rules.oldestAgeSeconds | int }} and on (queue) max by (queue) (datacenter_queue_leased_shards{ {{- $here -}} }) == 0
  for: 5m
  severity: critical
  summary: {{ `Jobs wait in the queue {{ $labels.queue }}, and no worker takes any.` | quote }}
- alert: DatacenterJobsFailing
  expr: sum by (kind) (increase(datacenter_jobs_finished_total{ {{- $here -}} ,state="FAILURE"}[15m])) > 0
  for: 0m
  severity: warning
  summary: {{ `Jobs of the kind {{ $labels.kind }} end in FAILURE; the error of each job says why.` | quote }}
- alert: DatacenterLeasesLost
  expr: sum by (kind) (increase(datacenter_leases_lost_total{ {{- $here -}} }[15m])) > 3
  for: 0m
  severity: warning
  summary: {{ `Workers lose shards of the kind {{ $labels.kind }}: they are killed (memory?), cut off, or hang.` | quote }}
- alert: DatacenterStorageErrors
  expr: sum by (storage, operation) (rate(datacenter_storage_errors_total{ {{- $here -}} ,code="STORAGE_UNAVAILABLE"}[5m])) > 0.1
  for: 5m
  severity: warning
  summary: {{ `The storage {{ $labels.storage }} cannot be reached ({{ $labels.operation }}); jobs wait for it and then continue.` | quote }}
- alert: DatacenterBrokerUnreachable
  expr: max(datacenter_outbox_messages{ {{- $here -}} ,kind="ring"}) > 0
  for: 2m
  severity: critical
  summary: Rings cannot be delivered to the broker. Jobs are accepted, and start once it is back.
- alert: DatacenterHttpErrors
  expr: sum(rate(datacenter_http_requests_total{ {{- $here -}} ,status_class="5xx"}[5m])) / sum(rate(datacenter_http_requests_total{ {{- $here -}} }[5m])) > 0.05
  for: 5m
  severity: critical
  summary: More than one request in twenty fails with a server error.
- alert: DatacenterSchedulerFailing
  expr: sum by (work) (increase(datacenter_scheduler_turns_total{ {{- $here -}} ,outcome="failed"}[10m])) > 3
  for: 0m
  severity: warning
  summary: {{ `The scheduler's task {{ $labels.work }} keeps failing; its log says why.` | quote }}
{{- end }}
