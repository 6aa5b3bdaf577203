{{/* (dict "root" $ "component" "database" "values" values "port" 3306 "container" YAML "paths" list "data" "/var/lib/mysql"). */}}
{{- define "datacenter.embedded.server" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "datacenter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "datacenter.labels" (list .root .component) | nindent 4 }}
spec:
  clusterIP: None
  selector:
    {{- include "datacenter.selector" (list .root .component) | nindent 4 }}
  ports:
    - name: {{ .component }}
      port: {{ .port }}
      targetPort: {{ .component }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "datacenter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "datacenter.labels" (list .root .component) | nindent 4 }}
spec:
  replicas: 1
  serviceName: {{ include "datacenter.fullname" .root }}-{{ .component }}
  selector:
    matchLabels:
      {{- include "datacenter.selector" (list .root .component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "datacenter.podLabels" (list .root .component) | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      terminationGracePeriodSeconds: 60
      # The user that both official images have for their server.
      securityContext:
        runAsNonRoot: true
        runAsUser: 999
        runAsGroup: 999
        fsGroup: 999
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: {{ .component }}
          image: {{ include "datacenter.image" (list .root .values.image (printf "embedded.%s.image" .component)) }}
          imagePullPolicy: {{ .values.image.pullPolicy }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          {{- .container | nindent 10 }}
          ports:
            - name: {{ .component }}
              containerPort: {{ .port }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            - name: data
              mountPath: {{ .data }}
            {{- range .paths }}
            - name: {{ base . }}
              mountPath: {{ . }}
            {{- end }}
      {{- if .paths }}
      volumes:
        {{- range .paths }}
        - name: {{ base . }}
          emptyDir: {}
        {{- end }}
      {{- end }}
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .values.size }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "datacenter.fullname" .root }}-{{ .component }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "datacenter.labels" (list .root .component) | nindent 4 }}
spec:
  # Only the release's own pods can reach it; it can reach nothing.
  podSelector:
    matchLabels:
      {{- include "datacenter.selector" (list .root .component) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [{port: {{ .component }}}]
      from:
        - podSelector:
            matchLabels:
              {{- include "datacenter.release" .root | nindent 14 }}
{{- end }}
{{- end }}

{{/* (list $ "VARIABLE" "key"): a password of the embedded Secret. */}}
{{- define "datacenter.embedded.password" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "datacenter.fullname" (index . 0) }}-embedded
      key: {{ index . 2 }}
{{- end }}
