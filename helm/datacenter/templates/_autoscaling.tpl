{{/* (dict "root" $ "component" "web" "path" "web" "container" "web" "autoscaling" values): scales a Deployment on CPU. */}}
{{- define "datacenter.hpa" -}}
{{- if lt (int .autoscaling.minReplicas) 1 -}}
{{- fail (printf "%s.autoscaling.minReplicas: CPU keeps one pod at least; only workers of the type keda go to 0" .path) -}}
{{- end -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
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
  minReplicas: {{ .autoscaling.minReplicas }}
  maxReplicas: {{ .autoscaling.maxReplicas }}
  metrics:
    # Of this container alone: a sidecar without requests would make the average of the pod meaningless.
    - type: ContainerResource
      containerResource:
        container: {{ .container }}
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ .autoscaling.targetCPUUtilizationPercentage }}
  {{- with .autoscaling.behavior }}
  behavior:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* (dict "root" $ "component" "web" "budget" values). */}}
{{- define "datacenter.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "datacenter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "datacenter.labels" (list .root .component) | nindent 4 }}
spec:
  {{- toYaml (omit .budget "enabled" (ternary "maxUnavailable" "" (hasKey .budget "minAvailable"))) | nindent 2 }}
  # A pod that is not ready serves no client: it must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "datacenter.selector" (list .root .component) | nindent 6 }}
{{- end }}
