{{/* The container that fetches models before the service starts, and checks what it got. */}}
{{- define "parley.fetchContainer" -}}
- name: fetch-models
  image: {{ include "parley.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [/usr/local/bin/node, /etc/parley-fetch/fetch-models.mjs]
  securityContext: {{- include "parley.containerSecurity" . | nindent 4 }}
  env:
    - {name: MODELS_DIRECTORY, value: /models}
    # Node heeds the next ones only then.
    - {name: NODE_USE_ENV_PROXY, value: "1"}
    {{- with .Values.models.download.tokenSecret }}
    - name: MODELS_TOKEN
      valueFrom:
        secretKeyRef: {name: {{ . | quote }}, key: {{ $.Values.models.download.tokenKey | quote }}}
    {{- end }}
    {{- range $name, $value := pick .Values.environment "HTTPS_PROXY" "HTTP_PROXY" "NO_PROXY" }}
    - {name: {{ $name }}, value: {{ $value | toString | quote }}}
    {{- end }}
  resources:
    requests: {cpu: 100m, memory: 128Mi}
    limits: {memory: 256Mi}
  volumeMounts:
    - {name: fetch, mountPath: /etc/parley-fetch, readOnly: true}
    - {name: models, mountPath: /models}
    - {name: temporary, mountPath: /tmp}
{{- end }}

{{/* What that container runs, and what it is to fetch: pods are replaced when either changes. */}}
{{- define "parley.fetchFiles" -}}
fetch-models.mjs: |
  {{- .Files.Get "files/fetch-models.mjs" | nindent 2 }}
models.json: {{ .Values.models.download.files | toJson | quote }}
{{- end }}

{{/* The pod's volumes. */}}
{{- define "parley.volumes" -}}
- name: config
  {{- if .Values.existingConfig.secret }}
  secret: {secretName: {{ .Values.existingConfig.secret | quote }}}
  {{- else }}
  configMap: {name: {{ include "parley.fullname" . | quote }}}
  {{- end }}
- name: keys
  secret: {secretName: {{ include "parley.keysSecret" . | quote }}}
- name: data
  emptyDir: {sizeLimit: {{ .Values.scratch.dataSize | quote }}}
- name: temporary
  emptyDir: {sizeLimit: {{ .Values.scratch.temporarySize | quote }}}
- name: memory
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.scratch.memorySize | quote }}}
{{- if eq .Values.models.source "download" }}
- name: models
  emptyDir: {sizeLimit: {{ .Values.models.download.size | quote }}}
{{- else if eq .Values.models.source "claim" }}
- name: models
  persistentVolumeClaim: {claimName: {{ include "parley.claim" . | quote }}}
{{- else if eq .Values.models.source "image" }}
- name: models
  image: {reference: {{ .Values.models.image.reference | quote }}, pullPolicy: {{ .Values.models.image.pullPolicy }}}
{{- else }}
# An empty folder: nothing is computed here.
- name: models
  emptyDir: {sizeLimit: 1Mi}
{{- end }}
{{- if include "parley.fetches" . }}
- name: fetch
  configMap: {name: "{{ include "parley.fullname" . }}-fetch"}
{{- end }}
{{- end }}

{{/* Name of the configuration file. */}}
{{- define "parley.configKey" -}}
{{- ternary .Values.existingConfig.key "parley.yaml" (ne .Values.existingConfig.secret "") }}
{{- end }}
