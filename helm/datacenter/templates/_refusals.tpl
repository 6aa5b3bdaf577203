{{/* What a schema cannot see: values that contradict one another, or that do not belong where they are. */}}

{{- define "datacenter.refusals" -}}
{{- include "datacenter.refuseSecrets" (list "config" .Values.config) -}}
{{- include "datacenter.refuseGiven" . -}}
{{- $storages := default dict .Values.config.storages -}}
{{- $default := default "default" .Values.config.default_storage -}}
{{- if not (hasKey $storages $default) -}}
{{- fail (printf "config.storages: there is no storage named %s; add it, or name another as config.default_storage" $default) -}}
{{- end -}}
{{- range $name, $storage := $storages -}}
{{- if eq $storage.kind "nas" -}}
{{- include "datacenter.refuseUnmounted" (list $ $name (trimPrefix "nas://" $storage.url)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $volume := .Values.nas -}}
{{- if ne 1 (len (compact (list (ternary "a" "" (hasKey $volume "existingClaim")) (ternary "b" "" (hasKey $volume "create")) (ternary "c" "" (hasKey $volume "nfs"))))) -}}
{{- fail (printf "nas.%s: give one of existingClaim, create and nfs" $name) -}}
{{- end -}}
{{- end -}}
{{- if eq (int .Values.metrics.port) (int .Values.web.port) -}}
{{- fail (printf "metrics.port: %d is also web.port; change one of them" (int .Values.metrics.port)) -}}
{{- end -}}
{{- if and (eq "production" (default "production" .Values.config.environment)) (not (default dict .Values.config.web).public_url) (not (hasKey .Values.secretSettings "web.public_url")) -}}
{{- fail "config.web.public_url: production needs the address that download links begin with; set it to what people see, like https://data.example.com" -}}
{{- end -}}
{{- if not .Values.workers -}}
{{- fail "workers: no entry is left, so no job would ever run; keep at least one" -}}
{{- end -}}
{{- end }}

{{/* Settings that the chart sets, so that ports, volumes and grace periods fit. */}}
{{- define "datacenter.refuseGiven" -}}
{{- range $setting, $given := dict
  "web.host" (list "0.0.0.0" "")
  "web.port" (list .Values.web.port "set web.port, or ")
  "web.metrics_port" (list .Values.metrics.port "set metrics.port, or ")
  "metrics.host" (list "0.0.0.0" "")
  "metrics.port" (list .Values.metrics.port "set metrics.port, or ")
  "health.directory" (list "/run/datacenter" "")
  "worker.grace_seconds" (list .Values.workerDefaults.graceSeconds "set workerDefaults.graceSeconds, or ")
-}}
{{- $path := splitList "." $setting -}}
{{- $section := default dict (get $.Values.config (first $path)) -}}
{{- if ne (toString (first $given)) (toString (default (first $given) (get $section (last $path)))) -}}
{{- fail (printf "config.%s: the chart sets it to %v; %sremove it" $setting (first $given) (last $given)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* (list "path" value): neither an option whose name says that it is a secret, nor a URL with a password. */}}
{{- define "datacenter.refuseSecrets" -}}
{{- $path := index . 0 -}}{{- $value := index . 1 -}}
{{- if kindIs "map" $value -}}
{{- range $key, $inner := $value -}}
{{- $inside := printf "%s.%s" $path $key -}}
{{- if or (eq $inside "config.web.secret_key") (eq $inside "config.registration.keys") (and (contains ".options." $inside) (kindIs "string" $inner) (regexMatch "(?i)secret|passw|token|credential|key$|_key_|sign|auth" $key)) -}}
{{- fail (printf "%s: a secret does not belong in the values; put it into a Secret and name that as secretSettings.%s" $inside (trimPrefix "config." $inside)) -}}
{{- end -}}
{{- include "datacenter.refuseSecrets" (list $inside $inner) -}}
{{- end -}}
{{- else if kindIs "slice" $value -}}
{{- range $number, $inner := $value -}}
{{- include "datacenter.refuseSecrets" (list (printf "%s.%d" $path $number) $inner) -}}
{{- end -}}
{{- else if regexMatch "://[^/?#]*:[^/?#]*@" (toString $value) -}}
{{- fail (printf "%s: a URL with a password does not belong in the values; put it into a Secret and name that as secretSettings.%s" $path (trimPrefix "config." $path)) -}}
{{- end -}}
{{- end }}

{{/* (list $ "storage" "/path"): the root file system is read-only, so a NAS must be on a mounted volume. */}}
{{- define "datacenter.refuseUnmounted" -}}
{{- $root := index . 0 -}}{{- $path := index . 2 -}}
{{- $found := list -}}
{{- range concat (values $root.Values.nas) $root.Values.podDefaults.extraVolumeMounts -}}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) (printf "%s/" $path) -}}
{{- $found = append $found .mountPath -}}
{{- end -}}
{{- end -}}
{{- if not $found -}}
{{- fail (printf "config.storages.%s.url: %s is not on a mounted volume; add one under nas" (index . 1) $path) -}}
{{- end -}}
{{- end }}

{{/* (list "path" values seconds): the grace period must be longer than a regular stop takes. */}}
{{- define "datacenter.refuseShortGrace" -}}
{{- $least := int (index . 2) -}}
{{- if lt (int (index . 1)) $least -}}
{{- fail (printf "%s: %d seconds would kill the pod before it has stopped; set %d or more" (index . 0) (int (index . 1)) $least) -}}
{{- end -}}
{{- end }}

{{/* (list "path" autoscaling): fewest and most pods. */}}
{{- define "datacenter.refuseScaling" -}}
{{- $scaling := index . 1 -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
{{- fail (printf "%s.autoscaling.minReplicas: %d is more than maxReplicas (%d); lower it, or raise maxReplicas" (index . 0) (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- end }}
