{{/* (list $ rules): egress rules, in the order of their names. An empty `to` is left out, which means anywhere. */}}
{{- define "datacenter.egress" -}}
{{- range $name, $rule := index . 1 }}
# {{ $name }}
- ports:
    {{- toYaml $rule.ports | nindent 4 }}
  {{- with $rule.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* (list peers ports): one ingress rule; no peers means all. */}}
{{- define "datacenter.ingressRule" -}}
- ports:
    {{- toYaml (index . 1) | nindent 4 }}
  {{- with index . 0 }}
  from:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
