{{/* What pods of the image have in common. */}}

{{/* (dict "root" $ "component" "web" "values" merged): annotations and labels of the pod template. */}}
{{- define "datacenter.podMetadata" -}}
annotations:
  # New settings make new pods. Secrets are not read here: restart the Deployments after one changed.
  checksum/config: {{ toJson .root.Values.config | sha256sum }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
labels:
  {{- include "datacenter.podLabels" (list .root .component .values.podLabels) | nindent 2 }}
{{- end }}

{{/* (dict "root" $ "values" merged "env" list "nas" bool "loop" bool): image, rights, environment and mounts of a container. */}}
{{- define "datacenter.container" -}}
image: {{ include "datacenter.image" (list .root .root.Values.image "image") }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .values.securityContext | nindent 2 }}
env:
  {{- include "datacenter.env" . | nindent 2 }}
{{- with .values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  # Only this file, so that secrets and certificates can be beside it; new settings come with new pods anyway.
  - name: settings
    mountPath: /etc/datacenter/settings.yaml
    subPath: settings.yaml
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- if .loop }}
  - name: life
    mountPath: /run/datacenter
  {{- end }}
  {{- if eq .root.Values.secretsAs "files" }}
  - name: secrets
    mountPath: /etc/datacenter/secrets
    readOnly: true
  {{- end }}
  {{- if .nas }}
  {{- range $name, $volume := .root.Values.nas }}
  - name: nas-{{ $name }}
    mountPath: {{ $volume.mountPath }}
    {{- if $volume.readOnly }}
    readOnly: true
    {{- end }}
    {{- with $volume.subPath }}
    subPath: {{ . }}
    {{- end }}
  {{- end }}
  {{- end }}
  {{- with .values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The same as before: entries of `env`, each name once. An API server keeps the last of two, or refuses both. */}}
{{- define "datacenter.env" -}}
{{- $entries := concat (list (dict "name" "DATACENTER_CONFIG" "value" "/etc/datacenter/settings.yaml")) (include "datacenter.secretEnv" .root | fromYamlArray) -}}
{{- if .loop }}{{ $entries = concat $entries (include "datacenter.loopEnv" .root | fromYamlArray) }}{{ end -}}
{{- $entries = concat $entries (default list .env) .values.extraEnv -}}
{{- $names := list -}}
{{- range $entries -}}
{{- if has .name $names -}}
{{- fail (printf "extraEnv: %s is given twice, or by the chart itself; leave it out" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- toYaml $entries -}}
{{- end }}

{{/* (dict "root" $ "values" merged): a container that waits until the database has this release's schema. */}}
{{- define "datacenter.waitForSchema" -}}
- name: wait-for-schema
  command: [datacenter]
  args: [migrate, --check, --wait, {{ .root.Values.migration.waitSeconds | int | quote }}]
  resources:
    {{- toYaml .root.Values.migration.resources | nindent 4 }}
  {{- include "datacenter.container" (dict "root" .root "values" .values) | nindent 2 }}
{{- end }}

{{/* (dict "root" $ "component" "web" "values" merged "container" YAML "nas" bool "loop" bool "settings" ConfigMap "account" name "waits" bool). */}}
{{- define "datacenter.podSpec" -}}
serviceAccountName: {{ default (include "datacenter.serviceAccountName" .root) .account }}
automountServiceAccountToken: false
# Variables that Kubernetes makes of Services begin with the release's name, as the settings' own may do.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- tpl (toYaml .) $.root | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .spreads }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{ toYaml . | nindent 4 | trim }}
    {{- if not (hasKey . "labelSelector") }}
    labelSelector:
      matchLabels:
        {{- include "datacenter.selector" (list $.root $.component) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- if or .waits .values.extraInitContainers }}
initContainers:
  {{- with .values.extraInitContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if .waits }}
  {{- include "datacenter.waitForSchema" (dict "root" .root "values" .values) | nindent 2 }}
  {{- end }}
{{- end }}
containers:
  - {{ .container | nindent 4 | trim }}
  {{- with .values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: settings
    configMap:
      name: {{ default (include "datacenter.fullname" .root) .settings }}
  - name: tmp
    emptyDir:
      sizeLimit: {{ .values.tmpSize }}
  {{- if .loop }}
  # Apart from /tmp, which may be full while the loop lives.
  - name: life
    emptyDir:
      sizeLimit: 1Mi
  {{- end }}
  {{- if eq .root.Values.secretsAs "files" }}
  {{- include "datacenter.secretVolume" .root | nindent 2 }}
  {{- end }}
  {{- if .nas }}
  {{- include "datacenter.nasVolumes" .root | trim | nindent 2 }}
  {{- end }}
  {{- with .values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "datacenter.nasVolumes" -}}
{{- range $name, $volume := .Values.nas }}
- name: nas-{{ $name }}
  {{- if $volume.nfs }}
  nfs:
    {{- toYaml $volume.nfs | nindent 4 }}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-%s" (include "datacenter.fullname" $) $name) $volume.existingClaim }}
    {{- if $volume.readOnly }}
    readOnly: true
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

