{{/* Names, labels and the parts that every pod has. */}}
{{- define "nightshift.name" -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{- define "nightshift.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "nightshift.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nightshift.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "nightshift.config" -}}
{{- $roles := dict -}}
{{- range $role, $secret := .Values.secrets -}}
{{- if $secret -}}
{{- $_ := set $roles $role (dict "nkey" (dict "file" "/run/secrets/nightshift/nkey")) -}}
{{- end -}}
{{- end -}}
{{- $own := dict "nats" (dict "roles" $roles) -}}
{{- if .Values.signing.enabled -}}
{{- $_ := set $own "releases" (dict "keysDir" "/run/nightshift/keys" "stateDir" "/data/served") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toPrettyJson -}}
{{- end }}

{{- define "nightshift.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "nightshift.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "nightshift.environment" -}}
- { name: NATS_URL, value: {{ .Values.nats.url | quote }} }
- { name: NIGHTSHIFT_CONFIG, value: /etc/nightshift/nightshift.config.json }
- { name: TMPDIR, value: /data/tmp }
{{- if .Values.nats.caSecret }}
- { name: NATS_CA, value: /run/secrets/nats/ca.crt }
{{- end }}
{{- end }}
