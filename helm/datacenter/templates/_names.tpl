{{/* Names and labels of every object. */}}

{{- define "datacenter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* 40 characters leave room for what components add: a name of a Service or a label has 63 at most. */}}
{{- define "datacenter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "datacenter.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "datacenter.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What selectors hold; never changes in the life of a release, because selectors of Deployments cannot. */}}
{{- define "datacenter.release" -}}
app.kubernetes.io/name: {{ include "datacenter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* (list $ "component"): what the selector of one component holds. */}}
{{- define "datacenter.selector" -}}
{{- $component := index . 1 -}}
{{ include "datacenter.release" (index . 0) }}
{{- if hasPrefix "worker-" $component }}
app.kubernetes.io/component: worker
datacenter/worker: {{ trimPrefix "worker-" $component }}
{{- else }}
app.kubernetes.io/component: {{ $component }}
{{- end }}
{{- end }}

{{/* (list $ "component" more): labels of an object. A key stands once: what selectors need wins, then `more`, then commonLabels. */}}
{{- define "datacenter.labels" -}}
{{- $root := index . 0 -}}
{{- $release := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_"))
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service
-}}
{{- toYaml (merge $release (include "datacenter.podLabels" . | fromYaml)) -}}
{{- end }}

{{/* The same for a pod; without versions, because a new one of the chart alone needs no new pods. */}}
{{- define "datacenter.podLabels" -}}
{{- $root := index . 0 -}}
{{- $more := list (dict "app.kubernetes.io/part-of" "datacenter") $root.Values.commonLabels (index (append . dict) 2) -}}
{{- include "datacenter.merged" (append $more (include "datacenter.selector" (list $root (index . 1)) | fromYaml)) -}}
{{- end }}

{{- define "datacenter.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "datacenter.fullname" . -}}
{{- else -}}
default
{{- end -}}
{{- end }}

{{/* (list $ image "value"): the image by digest, else by tag. */}}
{{- define "datacenter.image" -}}
{{- $image := index . 1 -}}
{{- if not $image.repository -}}
{{- fail (printf "%s.repository: name where the image is, such as registry.example.com/datacenter" (index . 2)) -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}
