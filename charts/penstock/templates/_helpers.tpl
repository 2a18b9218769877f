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

{{/* An image's reference: (list $ .Values.operator.image). */}}
{{- define "penstock.image" -}}
{{- $image := last . -}}
{{- printf "%s:%s" $image.repository (default (first .).Chart.AppVersion $image.tag) -}}
{{- end -}}

{{/* What the Pod Security Standard "restricted" asks of a pod; the argument is the user's id. */}}
{{- define "penstock.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
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
- name: PENSTOCK_LOG_LEVEL
  value: {{ .Values.operator.logLevel }}
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
