{{/*
(list $ "component"): a headless Service, by which Prometheus finds pods. The web layer's comes beside the one for requests, which may
lead to it from outside the cluster.
*/}}
{{- define "datacenter.metricsService" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "datacenter.fullname" (index . 0) }}-{{ index . 1 }}{{ if eq (index . 1) "web" }}-metrics{{ end }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    {{- include "datacenter.labels" . | nindent 4 }}
spec:
  clusterIP: None
  # Pods that are not ready are the most important ones to scrape.
  publishNotReadyAddresses: true
  selector:
    {{- include "datacenter.selector" . | nindent 4 }}
  ports:
    - name: metrics
      port: {{ (index . 0).Values.metrics.port }}
      targetPort: metrics
{{- end }}
