{{/* Every address that the values send the service to, a line each. */}}
{{- define "parley.destinations" -}}
{{- $bases := dict "openai" "https://api.openai.com" "anthropic" "https://api.anthropic.com" "huggingface" "https://router.huggingface.co" "deepseek" "https://api.deepseek.com" "openrouter" "https://openrouter.ai" }}
{{- range .Values.config.upstreams }}
{{ default (get $bases .kind) .baseUrl }}
{{- end }}
{{- range $name, $of := .Values.upstreamKeys }}
{{ get $bases $name }}
{{- end }}
{{- range $name, $value := .Values.environment }}
{{- if or (regexMatch "^(LLM_.*_BASE_URL|LLM_RAW_URL|OTEL_EXPORTER_OTLP_.*ENDPOINT|HF_ENDPOINT|HTTPS?_PROXY)$" $name) }}
{{ $value }}
{{- end }}
{{- end }}
{{- range list (dig "models" "mirror" "" .Values.config) (.Values.environment.LLM_MODEL_MIRROR | default "" | toString) }}
{{- if regexMatch "^https?://" . }}
{{ . }}
{{- end }}
{{- end }}
{{- range concat (dig "media" "allow" list .Values.config) (splitList "," (.Values.environment.LLM_MEDIA_ALLOW | default "" | toString)) }}
{{- with trim . }}
https://{{ trimPrefix "*." . }}
{{- end }}
{{- end }}
{{- if include "parley.fetches" . }}
{{- range .Values.models.download.files }}
{{ .url }}
{{- end }}
{{- end }}
{{- end }}

{{/* The way to pods of a namespace. A policy sees ports of pods, which may differ from those of their Service. */}}
{{- define "parley.egressToNamespace" }}
- to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . | quote }}}}}]
{{- end }}

{{/* The way out to one address: nothing where it is in the pod itself. */}}
{{- define "parley.egressTo" -}}
{{- $root := index . 0 }}
{{- $scheme := regexFind "^https?://" (index . 1) | default "http://" }}
{{- $authority := regexReplaceAll "[/?#].*$" (regexReplaceAll "^[A-Za-z]+://" (index . 1) "") "" }}
{{- $port := regexFind ":[0-9]+$" $authority | trimPrefix ":" | default (ternary "443" "80" (eq $scheme "https://")) }}
{{- $host := regexReplaceAll ":[0-9]+$" $authority "" | trimPrefix "[" | trimSuffix "]" }}
{{- $service := "^(?:[^.]+[.])+([^.]+)[.]svc(?:[.].*)?$" }}
{{- if or (eq $host "localhost") (hasPrefix "127." $host) (eq $host "::1") }}
{{- else if regexMatch "^([0-9]{1,3}[.]){3}[0-9]{1,3}$" $host }}
- to: [{ipBlock: {cidr: {{ $host }}/32}}]
  ports: [{port: {{ $port }}, protocol: TCP}]
{{- else if contains ":" $host }}
- to: [{ipBlock: {cidr: {{ printf "%s/128" $host | quote }}}}]
  ports: [{port: {{ $port }}, protocol: TCP}]
{{- else if regexMatch $service $host }}
{{- include "parley.egressToNamespace" (regexReplaceAll $service $host "${1}") }}
{{- else if not (contains "." $host) }}
- to: [{podSelector: {}}]
{{- else }}
{{- /* NAME.NAMESPACE reads as a public name does: both ways are open, but at the port of public https. */ -}}
{{- if and (regexMatch "^[^.]+[.][^.]+$" $host) (ne $port "443") }}
{{- include "parley.egressToNamespace" (splitList "." $host | last) }}
{{- end }}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: {{- toYaml $root.Values.networkPolicy.privateRanges | nindent 10 }}
    - ipBlock:
        cidr: ::/0
        except: {{- toYaml $root.Values.networkPolicy.privateRangesV6 | nindent 10 }}
  ports: [{port: {{ $port }}, protocol: TCP}]
{{- end }}
{{- end }}
