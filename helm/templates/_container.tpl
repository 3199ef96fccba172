{{/* The service's container. */}}
{{- define "parley.container" -}}
- name: parley
  image: {{ include "parley.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [serve, --config, "/etc/parley/{{ include "parley.configKey" . }}"]
  securityContext: {{- include "parley.containerSecurity" . | nindent 4 }}
  env: {{- include "parley.environment" . | nindent 4 }}
  ports:
    - name: http
      containerPort: 8080
    - name: admin
      containerPort: 9090
  startupProbe:
    httpGet: {path: /readyz, port: admin}
    periodSeconds: {{ .Values.probes.startup.periodSeconds }}
    failureThreshold: {{ .Values.probes.startup.failureThreshold }}
    timeoutSeconds: 5
  readinessProbe:
    httpGet: {path: /readyz, port: admin}
    periodSeconds: {{ .Values.probes.readiness.periodSeconds }}
    failureThreshold: {{ .Values.probes.readiness.failureThreshold }}
    timeoutSeconds: 5
  livenessProbe:
    httpGet: {path: /livez, port: admin}
    periodSeconds: {{ .Values.probes.liveness.periodSeconds }}
    failureThreshold: {{ .Values.probes.liveness.failureThreshold }}
    timeoutSeconds: 5
  {{- if gt (int .Values.drain.preStopSeconds) 0 }}
  lifecycle:
    preStop:
      sleep:
        seconds: {{ .Values.drain.preStopSeconds }}
  {{- end }}
  resources: {{- include "parley.resources" . | nindent 4 }}
  volumeMounts:
    - {name: config, mountPath: /etc/parley, readOnly: true}
    - {name: keys, mountPath: /run/parley/keys, readOnly: true}
    - {name: data, mountPath: /data}
    - {name: temporary, mountPath: /tmp}
    - {name: memory, mountPath: /dev/shm}
    - {name: models, mountPath: /models, readOnly: true}
{{- end }}

{{/* Its variables: what the chart says itself, keys of upstreams, and what the values add. */}}
{{- define "parley.environment" -}}
- {name: LLM_HOST, value: 0.0.0.0}
- {name: LLM_PORT, value: "8080"}
- {name: LLM_ADMIN_PORT, value: "9090"}
- {name: LLM_OPEN, value: "false"}
# The image listens on ports of older services too, and takes keys of upstreams from callers: here `config` says (clientKeys).
- {name: LLM_MORE_PORTS, value: ""}
- {name: LLM_CLIENT_KEYS, value: ""}
- {name: LLM_API_KEYS_FILE, value: "/run/parley/keys/{{ include "parley.keysFile" . }}"}
- {name: LLM_MODELS_DIR, value: /models}
- {name: LLM_DATA_DIR, value: /data}
{{- if gt (int .Values.gpu.count) 0 }}
- {name: LLM_GPU, value: {{ .Values.gpu.backend }}}
{{- end }}
{{- range $name, $of := .Values.upstreamKeys }}
- name: LLM_{{ upper $name }}_API_KEY
  valueFrom:
    secretKeyRef: {name: {{ $of.secret | quote }}, key: {{ $of.key | quote }}}
{{- end }}
{{- range $name, $value := .Values.environment }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* What it asks for and may take, with its GPUs. */}}
{{- define "parley.resources" -}}
{{- $resources := deepCopy .Values.resources }}
{{- if gt (int .Values.gpu.count) 0 }}
{{- $limits := merge (dict .Values.gpu.resource (int .Values.gpu.count)) ($resources.limits | default dict) }}
{{- $resources = merge (dict "limits" $limits) $resources }}
{{- end }}
{{- toYaml $resources }}
{{- end }}
