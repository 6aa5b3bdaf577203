{{/* `helm test`: the web layer answers through its Service that it is ready. */}}
{{- define "datacenter.test.container" -}}
name: test
command: [python, -c]
args:
  - |
    import sys, urllib.request
    print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
  - http://{{ include "datacenter.fullname" .root }}-web:{{ .root.Values.web.service.port }}/readyz
{{ include "datacenter.container" (dict "root" .root "values" .values) }}
resources:
  {{- toYaml .root.Values.migration.resources | nindent 2 }}
{{- end }}
