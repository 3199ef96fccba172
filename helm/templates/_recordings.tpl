{{/* What chooses this release's series. */}}
{{- define "parley.series" -}}
namespace="{{ .Release.Namespace }}",service="{{ include "parley.fullname" . }}-headless"
{{- end }}

{{/* Ends of calls that are our fault or an upstream's, or that an operator's limit refused for want of room. */}}
{{- define "parley.failures" -}}
provider_unavailable|provider_error|provider_timeout|provider_truncated|provider_malformed|provider_credentials|provider_rate_limited|internal|unimplemented|engine_failed|pull_failed|data_corrupt|queue_full|queue_timeout|overloaded|time_limit|model_too_large
{{- end }}

{{/* Share of calls that failed, over windows of time. */}}
{{- define "parley.recordings" -}}
{{- $series := include "parley.series" . }}
{{- range list "5m" "30m" "1h" "6h" "3d" }}
- record: parley:failed_calls:ratio{{ . }}
  expr: |-
    sum by (namespace, service) (rate(llm_requests_total{ {{- $series }},status=~"{{ include "parley.failures" $ }}"}[{{ . }}]))
      / sum by (namespace, service) (rate(llm_requests_total{ {{- $series }}}[{{ . }}]))
{{- end }}
{{- end }}
