{{/* Secrets by reference: which setting comes from which key of which Secret. */}}

{{/* (list $ "setting" reference): the name of the Secret. */}}
{{- define "datacenter.secretOf" -}}
{{- $root := index . 0 -}}{{- $setting := index . 1 -}}{{- $embedded := $root.Values.embedded -}}
{{- if (index . 2).secret -}}
{{- (index . 2).secret -}}
{{- else if or (and $embedded.database.enabled (eq $setting "database.url")) (and $embedded.broker.enabled (eq $setting "broker.url")) -}}
{{- include "datacenter.fullname" $root }}-embedded
{{- else if $root.Values.existingSecret -}}
{{- $root.Values.existingSecret -}}
{{- else if and $embedded.database.enabled (eq $setting "web.secret_key") -}}
{{- include "datacenter.fullname" $root }}-embedded
{{- else -}}
{{- fail (printf "existingSecret: name the Secret that holds %s under the key %s, or give secretSettings a `secret` for it" $setting (index . 2).key) -}}
{{- end -}}
{{- end }}

{{/* The variable of a setting: database.url is DATACENTER__DATABASE__URL. */}}
{{- define "datacenter.variable" -}}
DATACENTER__{{ . | replace "." "__" | upper }}
{{- end }}

{{/* Entries of `env`. */}}
{{- define "datacenter.secretEnv" -}}
{{- range $setting, $reference := .Values.secretSettings }}
{{- if eq $.Values.secretsAs "files" }}
- name: {{ include "datacenter.variable" $setting }}__FILE
  value: /etc/datacenter/secrets/{{ $setting }}
{{- else }}
- name: {{ include "datacenter.variable" $setting }}
  valueFrom:
    secretKeyRef:
      name: {{ include "datacenter.secretOf" (list $ $setting $reference) }}
      key: {{ $reference.key }}
{{- end }}
{{- end }}
{{- end }}

{{/* The volume that holds them as files. */}}
{{- define "datacenter.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $setting, $reference := .Values.secretSettings }}
      - secret:
          name: {{ include "datacenter.secretOf" (list $ $setting $reference) }}
          items:
            - key: {{ $reference.key }}
              path: {{ $setting }}
      {{- end }}
{{- end }}
