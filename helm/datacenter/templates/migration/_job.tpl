{{/* Whether the migration runs as a hook. The embedded database comes with the release itself: no hook could reach it. */}}
{{- define "datacenter.migration.isHook" -}}
{{- if not .Values.embedded.database.enabled }}true{{ end -}}
{{- end }}

{{/* (list weight): annotations of a hook. What it made is removed when it succeeded; a Job that failed stays to be read. */}}
{{- define "datacenter.migration.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ index . 0 | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "datacenter.migration.name" -}}
{{- include "datacenter.fullname" . -}}-migration
{{- if not (include "datacenter.migration.isHook" .) -}}
{{- /* Jobs cannot be changed: each image and each revision has its own. */ -}}
-{{ printf "%s %d" (toJson .Values.image) .Release.Revision | sha256sum | trunc 8 }}
{{- end -}}
{{- end }}

{{/* Where the migration's account and settings are: a first install has none but what hooks have made before. */}}
{{- define "datacenter.migration.account" -}}
{{- if and (include "datacenter.migration.isHook" .) .Values.serviceAccount.create -}}
{{- include "datacenter.fullname" . -}}-migration
{{- else -}}
{{- include "datacenter.serviceAccountName" . -}}
{{- end -}}
{{- end }}

{{- define "datacenter.migration.settings" -}}
{{- include "datacenter.fullname" . -}}{{ if include "datacenter.migration.isHook" . }}-migration{{ end }}
{{- end }}

{{- define "datacenter.migration.container" -}}
name: migration
command: [datacenter]
args: [migrate, --wait, {{ .values.waitSeconds | int | quote }}]
{{ include "datacenter.container" (dict "root" .root "values" .values) }}
resources:
  {{- toYaml .values.resources | nindent 2 }}
{{- end }}
