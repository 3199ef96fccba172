{{/* Alerts of the budget of failures: two windows each, so that one is quick to end. */}}
{{- define "parley.budgetAlerts" -}}
{{- $series := include "parley.series" . }}
{{- $budget := divf (subf 100 .Values.prometheusRule.availabilityPercent) 100 }}
{{- range list (list "ParleyFailsFast" "1h" "5m" 14.4 "critical" "2 days") (list "ParleyFails" "6h" "30m" 6 "critical" "5 days") (list "ParleyFailsSlowly" "3d" "6h" 1 "warning" "30 days") }}
{{- $threshold := printf "%.6g" (mulf $budget (index . 3)) }}
- alert: {{ index . 0 }}
  expr: |-
    parley:failed_calls:ratio{{ index . 1 }}{ {{- $series }}} > {{ $threshold }}
      and parley:failed_calls:ratio{{ index . 2 }}{ {{- $series }}} > {{ $threshold }}
  labels: {severity: {{ index . 4 }}}
  annotations:
    summary: So many calls fail that what a month may lose is gone in {{ index . 5 }}.
    action: "Look which status fails: sum by (status, provider) (rate(llm_requests_total[5m])). provider_*: see ParleyCircuitOpens. engine_failed: see ParleyEngineRestarts. queue_*, overloaded: see ParleyQueueLong. internal: the log has the cause under the request id."
{{- end }}
{{- end }}

{{/* Alerts of what callers wait for. */}}
{{- define "parley.waitingAlerts" -}}
{{- $series := include "parley.series" . }}
{{- $rule := .Values.prometheusRule }}
- alert: ParleyFirstTokenSlow
  expr: histogram_quantile(0.95, sum by (le, provider, model) (rate(llm_time_to_first_token_seconds_bucket{ {{- $series }}}[10m]))) > {{ $rule.firstTokenSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $labels.model }}" }} of {{ "{{ $labels.provider }}" }} makes callers wait {{ "{{ $value | humanizeDuration }}" }} for the first token."
    action: "A local model: see llm_queue_wait_seconds; add pods, or give it more sequences. An upstream: its own trouble; put another target behind it in routes, or hedge."
- alert: ParleyTokensSlow
  expr: histogram_quantile(0.99, sum by (le, provider, model) (rate(llm_time_per_output_token_seconds_bucket{ {{- $series }}}[10m]))) > {{ $rule.perTokenSeconds }}
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $labels.model }}" }} of {{ "{{ $labels.provider }}" }} takes {{ "{{ $value | humanizeDuration }}" }} a token."
    action: "A local model: compare llm_busy_sequences_per_decode with its sequences, and the pod's CPU with its limit (throttling); add pods or fewer sequences each. An upstream: as ParleyFirstTokenSlow."
- alert: ParleyQueueLong
  expr: max by (pod, model) (llm_queue_depth{ {{- $series }}}) > {{ $rule.queueDepth }}
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $value }}" }} calls wait for {{ "{{ $labels.model }}" }} in {{ "{{ $labels.pod }}" }}."
    action: "Add pods (replicas, or autoscaling with the queue metric). Does one pod wait and the others not, a gRPC client hangs on it: see the operator's page on balancing."
{{- end }}

{{/* By how much counters have grown over a time: one that nobody has read before it, in six hours, has done so by all that it is. */}}
{{- define "parley.growth" -}}
({{ index . 0 }} unless last_over_time({{ index . 0 }}[6h] offset {{ index . 1 }})) or increase({{ index . 0 }}[{{ index . 1 }}])
{{- end }}

{{/* Alerts of engines, upstreams and pods. */}}
{{- define "parley.stateAlerts" -}}
{{- $series := include "parley.series" . }}
- alert: ParleyEngineRestarts
  expr: sum by (pod, model, reason) ({{ include "parley.growth" (list (printf "llm_engine_restarts_total{%s}" $series) "15m") }}) > 2
  labels: {severity: warning}
  annotations:
    summary: "The engine of {{ "{{ $labels.model }}" }} in {{ "{{ $labels.pod }}" }} was started anew {{ "{{ $value | humanize }}" }} times: {{ "{{ $labels.reason }}" }}."
    action: "Compare llm_model_memory_bytes with resources.limits.memory; the log names the exit. The same request each time is quarantined by itself. Another size or file of the model, if it goes on."
- alert: ParleyCircuitOpens
  expr: sum by (provider, model) ({{ include "parley.growth" (list (printf "llm_route_circuit_changes_total{%s,state=\"open\"}" $series) "15m") }}) > 2
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $labels.provider }}" }} fails for {{ "{{ $labels.model }}" }}: its circuit breaker keeps opening."
    action: "llm_attempts_total by outcome says how it fails. provider_credentials: the key. provider_timeout: the network policy, or timeoutSeconds. Else the upstream's status page; fallback keeps calls alive where one is configured."
- alert: ParleyFallbackServes
  expr: sum by (provider, model) (rate(llm_route_fallbacks_total{ {{- $series }}}[30m])) > 0
  for: 1h
  labels: {severity: info}
  annotations:
    summary: "{{ "{{ $labels.provider }}" }} has served instead of a route's first target for an hour."
    action: "Callers get answers, from another model or at another price than meant. See ParleyCircuitOpens for the first target."
- alert: ParleyKeyRetired
  expr: sum by (provider) ({{ include "parley.growth" (list (printf "llm_route_retired_keys_total{%s}" $series) "1h") }}) > 0
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $labels.provider }}" }} refuses a key, or its quota is used up."
    action: "Renew the key in its Secret and restart: kubectl rollout restart deployment/{{ include "parley.fullname" . }}; or raise the quota."
- alert: ParleyEventLoopSlow
  expr: max by (pod) (nodejs_eventloop_lag_p99_seconds{ {{- $series }}}) > 0.2
  for: 10m
  labels: {severity: warning}
  annotations:
    summary: "{{ "{{ $labels.pod }}" }} is too busy to answer at once."
    action: "It has too little CPU: raise resources.requests.cpu, take its CPU limit away, or add pods."
- alert: ParleyDown
  expr: absent(up{ {{- $series }}} == 1)
  for: 5m
  labels: {severity: critical}
  annotations:
    summary: No pod of {{ include "parley.fullname" . }} can be read.
    action: "kubectl -n {{ .Release.Namespace }} get pods, then describe and logs --previous of one: the image, the init container's SHA-256, the key of a Secret, memory. Are pods well, networkPolicy.metricsReaders lacks Prometheus."
{{- end }}
