{{- define "datacenter.embedded.valkey" -}}
command: [valkey-server]
args: [--dir, /data, --appendonly, "yes", --requirepass, $(VALKEY_PASSWORD)]
env:
  {{- include "datacenter.embedded.password" (list . "VALKEY_PASSWORD" "broker-password") | nindent 2 }}
livenessProbe:
  tcpSocket: {port: broker}
readinessProbe:
  tcpSocket: {port: broker}
{{- end }}
