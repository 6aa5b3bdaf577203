{{/* (dict "root" $ "component" "worker-delete" "path" "workers.delete" "values" merged): scales a worker on the depth of its queues.

Through Prometheus, not KEDA's scaler for MySQL: the metric is a stable interface and the tables are not, and
KEDA needs neither a password of the database nor a route to it. Leased shards count, too, so that scaling does not remove their
pods. Two schedulers, as in a rolling update, export the same numbers, so `max` takes one. A queue without work is exported as 0;
an answer without any number means that no scheduler was scraped, and must not be taken for a queue without work. */}}
{{- define "datacenter.keda" -}}
{{- $autoscaling := .values.autoscaling -}}{{- $keda := $autoscaling.keda -}}
{{- if not $keda.serverAddress -}}
{{- fail (printf "%s.autoscaling.keda.serverAddress: name the Prometheus that scrapes the scheduler, such as http://prometheus.monitoring:9090" .path) -}}
{{- end -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "datacenter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "datacenter.labels" (list .root .component) | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "datacenter.fullname" .root }}-{{ .component }}
  minReplicaCount: {{ $autoscaling.minReplicas }}
  maxReplicaCount: {{ $autoscaling.maxReplicas }}
  pollingInterval: {{ $keda.pollingInterval }}
  cooldownPeriod: {{ $keda.cooldownPeriod }}
  {{- with $keda.fallback }}
  fallback:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $autoscaling.behavior }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml . | nindent 8 }}
  {{- end }}
  triggers:
    - type: prometheus
      metadata:
        serverAddress: {{ $keda.serverAddress | quote }}
        threshold: {{ $keda.shardsPerPod | int | quote }}
        query: {{ include "datacenter.depthQuery" . | quote }}
        ignoreNullValues: "false"
      {{- with $keda.authenticationRef }}
      authenticationRef:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}

{{- define "datacenter.depthQuery" -}}
{{- $given := .values.autoscaling.keda.query -}}
{{- if $given -}}
{{- tpl $given .root -}}
{{- else -}}
{{- $which := printf "{namespace=%q,queue=~%q}" .root.Release.Namespace (join "|" .values.queues) -}}
sum(max by (queue) (datacenter_queue_ready_shards{{ $which }} + datacenter_queue_leased_shards{{ $which }}))
{{- end -}}
{{- end }}
