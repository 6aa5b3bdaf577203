{{/* One set of values over another. Sprig's own merge takes `false`, `0` and empty lists for values that are not there. */}}

{{/* (list base over): writes `over` into `base`; lists named extra… are joined. */}}
{{- define "datacenter.overlay" -}}
{{- $base := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- $old := get $base $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $old) -}}
{{- include "datacenter.overlay" (list $old $value) -}}
{{- else if and (hasPrefix "extra" $key) (kindIs "slice" $value) (kindIs "slice" $old) -}}
{{- $_ := set $base $key (concat $old $value) -}}
{{- else -}}
{{- $_ := set $base $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* (list values values …): the later ones over the earlier ones, as YAML. */}}
{{- define "datacenter.merged" -}}
{{- $merged := dict -}}
{{- range . -}}
{{- include "datacenter.overlay" (list $merged (deepCopy .)) -}}
{{- end -}}
{{- toYaml $merged -}}
{{- end }}

{{/* (list $ "name" worker): the worker's values over those of all workers and of all pods. */}}
{{- define "datacenter.worker" -}}
{{- $values := (index . 0).Values -}}
{{- include "datacenter.merged" (list $values.podDefaults $values.workerDefaults (index . 2)) -}}
{{- end }}
