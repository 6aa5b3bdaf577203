{{- define "datacenter.embedded.mariadb" -}}
args: [--character-set-server=utf8mb4, --skip-name-resolve]
env:
  - {name: MARIADB_RANDOM_ROOT_PASSWORD, value: "1"}
  - {name: MARIADB_DATABASE, value: datacenter}
  - {name: MARIADB_USER, value: datacenter}
  {{- include "datacenter.embedded.password" (list . "MARIADB_PASSWORD" "database-password") | nindent 2 }}
startupProbe:
  tcpSocket: {port: database}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  tcpSocket: {port: database}
readinessProbe:
  exec:
    command: [healthcheck.sh, --connect, --innodb_initialized]
  timeoutSeconds: 5
{{- end }}
