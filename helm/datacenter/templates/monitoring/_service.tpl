{{/* (list $ "component"): a headless Service, by which Prometheus finds pods that serve nothing but metrics. */}}
{{- define "datacenter.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "datacenter.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "datacenter.labels" . | nindent 4 }}
spec:
  clusterIP: None
  # Pods that are not ready are those that one wants to know about.
  publishNotReadyAddresses: true
  selector:
    {{- include "datacenter.selector" . | nindent 4 }}
  ports:
    - name: metrics
      port: {{ (index . 0).Values.metrics.port }}
      targetPort: metrics
{{- end }}
