{{/* The name of the release's objects: just "penstock" where the release is called that. */}}
{{- define "penstock.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels that find the pods of a component: (list $ "operator"). */}}
{{- define "penstock.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{/* All labels of a component's objects: (list $ "operator"). */}}
{{- define "penstock.labels" -}}
{{- $root := first . -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/part-of: penstock
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
Not empty where the release makes objects of the whole cluster. One that works in some namespaces and leaves the CRDs to
another makes none: its names might be another team's, too. What guards the CRDs comes with them.
*/}}
{{- define "penstock.clusterScoped" -}}
{{- if or .Values.crds.install (not .Values.watchNamespaces) }}true{{ end -}}
{{- end -}}

{{/* Labels of a component's pods: (list $ "operator" .Values.operator). The chart's version isn't among them: an upgrade
restarts only what it changes. */}}
{{- define "penstock.podLabels" -}}
{{- include "penstock.selector" (list (first .) (index . 1)) }}
{{- with (last .).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An image's reference: (list $ .Values.operator.image). */}}
{{- define "penstock.image" -}}
{{- $image := last . -}}
{{- $registry := (first .).Values.imageRegistry -}}
{{- $name := empty $registry | ternary $image.repository (printf "%s/%s" $registry $image.repository) -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default (first .).Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What the Pod Security Standard "restricted" asks of a pod: (list $ 10001), the user's id. */}}
{{- define "penstock.podSecurity" -}}
runAsNonRoot: true
{{- if ne (toString (first .).Values.fixedUserIds) "false" }}
runAsUser: {{ last . }}
runAsGroup: {{ last . }}
fsGroup: {{ last . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* What it asks of a container, and a root file system that nobody can write to. */}}
{{- define "penstock.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where the pods of a component may run: its part of the values. */}}
{{- define "penstock.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Bytes of a quantity: 512Mi as Kubernetes writes it, 256mb as Redis does. */}}
{{- define "penstock.bytes" -}}
{{- $text := lower (toString .) -}}
{{- $number := regexFind "^[0-9]+" $text | float64 -}}
{{- $unit := regexReplaceAll "^[0-9.]+" $text "" -}}
{{- $powers := dict "" 1 "b" 1 "k" 1000 "kb" 1024 "ki" 1024 "m" 1000000 "mb" 1048576 "mi" 1048576 "g" 1000000000 "gb" 1073741824 "gi" 1073741824 "t" 1000000000000 "ti" 1099511627776 -}}
{{- mulf $number (get $powers $unit | float64) | int64 -}}
{{- end -}}

{{/* Values that contradict each other end with what to do: each was taken for something else otherwise. */}}
{{- define "penstock.contradictions" -}}
{{- $redis := .Values.redis -}}
{{- if and $redis.enabled (or $redis.url $redis.existingSecret) -}}
{{- fail "redis.url or redis.existingSecret is set, and redis.enabled is true: set redis.enabled=false to use your own Redis, or remove the others" -}}
{{- end -}}
{{- if and $redis.url $redis.existingSecret -}}
{{- fail "redis.url and redis.existingSecret exclude each other: keep one" -}}
{{- end -}}
{{- if and $redis.enabled $redis.persistence.existingClaim (not $redis.persistence.enabled) -}}
{{- fail "redis.persistence.existingClaim is set, and redis.persistence.enabled is false: set that to true, or nothing is kept" -}}
{{- end -}}
{{- if and $redis.enabled $redis.resources.limits -}}
{{- with $redis.resources.limits.memory -}}
{{- if ge (int64 (include "penstock.bytes" $redis.maxMemory)) (int64 (include "penstock.bytes" .)) -}}
{{- fail (printf "redis.maxMemory (%s) reaches redis.resources.limits.memory (%s): Redis would be killed before it refuses; lower the first or raise the second" $redis.maxMemory .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range .Values.operator.extraEnv -}}
{{- if has .name $names -}}
{{- fail (printf "operator.extraEnv names %s twice: keep one" .name) -}}
{{- end -}}
{{- if or (hasPrefix "PENSTOCK_" .name) (has .name (list "POD_NAME" "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_SERVICE_NAME" "OTEL_METRICS_EXPORTER")) -}}
{{- fail (printf "operator.extraEnv sets %s, which the chart sets itself: use the value that it comes from" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}

{{/*
The embedded Redis' password. It is generated once, and then read back from the Secret. Within one rendering it is kept
in the values, so that every template sees the same.
*/}}
{{- define "penstock.redis.password" -}}
{{- if not .Values.redis.password -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace (printf "%s-redis" (include "penstock.fullname" .)) -}}
{{- $known := dig "data" "password" "" (default dict $secret) -}}
{{- $_ := set .Values.redis "password" (empty $known | ternary (randAlphaNum 32) ($known | b64dec)) -}}
{{- end -}}
{{- .Values.redis.password -}}
{{- end -}}

{{/* The broker's URL with its namespace, since workers everywhere use it; empty where a Secret of the user's holds it. */}}
{{- define "penstock.broker.url" -}}
{{- if .Values.redis.enabled -}}
{{- printf "redis://:%s@%s-redis.%s.svc:6379/0" (include "penstock.redis.password" .) (include "penstock.fullname" .) .Release.Namespace -}}
{{- else if not .Values.redis.existingSecret -}}
{{- required "redis.enabled is false: set redis.url or redis.existingSecret" .Values.redis.url -}}
{{- end -}}
{{- end -}}

{{/* The Secret that holds the URL, and its key. */}}
{{- define "penstock.broker.secretKeyRef" -}}
{{- if and (not .Values.redis.enabled) .Values.redis.existingSecret -}}
name: {{ .Values.redis.existingSecret }}
key: {{ .Values.redis.existingSecretKey }}
{{- else -}}
name: {{ include "penstock.fullname" . }}-broker
key: url
{{- end -}}
{{- end -}}

{{/* Changes with the URL: where a Secret of the user's holds it, with that Secret, as far as Helm may read it. */}}
{{- define "penstock.broker.checksum" -}}
{{- if and (not .Values.redis.enabled) .Values.redis.existingSecret -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace .Values.redis.existingSecret -}}
{{- dig "data" .Values.redis.existingSecretKey "" (default dict $secret) | sha256sum -}}
{{- else -}}
{{- include "penstock.broker.url" . | sha256sum -}}
{{- end -}}
{{- end -}}

{{/* Where operator and workers send their telemetry by OTLP over HTTP; empty: nowhere. */}}
{{- define "penstock.telemetry.endpoint" -}}
{{- if .Values.telemetry.endpoint -}}
{{- .Values.telemetry.endpoint -}}
{{- else if .Values.collector.enabled -}}
{{- printf "http://%s-collector.%s.svc:4318" (include "penstock.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* The operator's environment, which the test pod shares. */}}
{{- define "penstock.operator.env" -}}
- name: PENSTOCK_URL
  valueFrom:
    secretKeyRef:
      {{- include "penstock.broker.secretKeyRef" . | nindent 6 }}
- name: PENSTOCK_SYSTEM_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: PENSTOCK_WORKER_IMAGE
  value: {{ include "penstock.image" (list . .Values.worker.image) | quote }}
- name: PENSTOCK_WORKER_IMAGE_PULL_POLICY
  value: {{ .Values.worker.image.pullPolicy }}
- name: PENSTOCK_WORKER_CLUSTER_ROLE
  value: {{ include "penstock.fullname" . }}-worker
{{- if not (include "penstock.clusterScoped" .) }}
- name: PENSTOCK_WORKER_ROLE_KIND
  value: Role
{{- end }}
- name: PENSTOCK_LOG_LEVEL
  value: {{ .Values.operator.logLevel }}
{{- with .Values.imagePullSecrets }}
- name: PENSTOCK_WORKER_PULL_SECRETS
  value: {{ range $i, $one := . }}{{ if $i }},{{ end }}{{ $one.name }}{{ end }}
{{- end }}
{{- if eq (toString .Values.fixedUserIds) "false" }}
- name: PENSTOCK_FIXED_USER_IDS
  value: "false"
{{- end }}
- name: PENSTOCK_LEASE
  value: {{ include "penstock.fullname" . }}-operator
{{- with .Values.watchNamespaces }}
- name: PENSTOCK_WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.operator.taskSelector }}
- name: PENSTOCK_TASK_SELECTOR
  value: {{ . | quote }}
{{- end }}
{{- if .Values.operator.onlyTasks }}
- name: PENSTOCK_ONLY_TASKS
  value: "true"
{{- end }}
{{- if .Values.operator.requireTaskQueues }}
- name: PENSTOCK_REQUIRE_QUEUES
  value: "true"
{{- end }}
{{- with include "penstock.telemetry.endpoint" . }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
- name: OTEL_SERVICE_NAME
  value: penstock-operator
{{- end }}
{{- with .Values.operator.metrics.exporters }}
- name: OTEL_METRICS_EXPORTER
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.operator.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
