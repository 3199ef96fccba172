{{/* The pod's side of the restricted Pod Security Standard. */}}
{{- define "parley.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* A container's side of it. */}}
{{- define "parley.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Name of the Secret with the callers' keys. */}}
{{- define "parley.keysSecret" -}}
{{- default (printf "%s-keys" (include "parley.fullname" .)) .Values.keys.existingSecret }}
{{- end }}

{{/* Key of that Secret that holds their file. */}}
{{- define "parley.keysFile" -}}
{{- ternary .Values.keys.file "keys.json" (ne .Values.keys.existingSecret "") }}
{{- end }}

{{/* Name of the claim with the models. */}}
{{- define "parley.claim" -}}
{{- default (printf "%s-models" (include "parley.fullname" .)) .Values.models.claim.existing }}
{{- end }}

{{/* Whether the chart makes a claim that one node alone mounts: not empty where it does. A new pod on another one would wait for the old one to end. */}}
{{- define "parley.narrowClaim" -}}
{{- $modes := .Values.models.claim.accessModes }}
{{- if and (eq .Values.models.source "claim") (not .Values.models.claim.existing) (not (has "ReadWriteMany" $modes)) (not (has "ReadOnlyMany" $modes)) }}yes{{ end }}
{{- end }}

{{/* Seconds until a rollout that goes nowhere has failed: a pod may be scheduled, fetch its models and load one before. */}}
{{- define "parley.deadline" -}}
{{- $load := mul .Values.probes.startup.periodSeconds .Values.probes.startup.failureThreshold }}
{{- $start := add $load 60 (ternary 1800 0 (ne (include "parley.fetches" .) "")) }}
{{- ternary (int .Values.progressDeadlineSeconds) (int $start) (gt (int .Values.progressDeadlineSeconds) 0) }}
{{- end }}

{{/* Whether an init container fetches models: not empty where one does. */}}
{{- define "parley.fetches" -}}
{{- if or (eq .Values.models.source "download") (and (eq .Values.models.source "claim") .Values.models.claim.fill) }}yes{{ end }}
{{- end }}

{{/* The configuration file: what the values say, and the time to drain. */}}
{{- define "parley.config" -}}
{{- $values := merge (dict "drainMs" (mul 1000 .Values.drain.seconds)) (dig "limits" "values" dict .Values.config) }}
{{- $own := dict "limits" (dict "values" $values) }}
{{- with dig "http" "hosts" list .Values.config }}
{{- $hosts := . }}
{{- $name := include "parley.fullname" $ }}
{{- /* Where names are listed, the chart's own Services must be among them: callers in the cluster and `helm test` ask by them. */ -}}
{{- range list $name (printf "%s-headless" $name) }}
{{- $namespaced := printf "%s.%s" . $.Release.Namespace }}
{{- $hosts = concat $hosts (list . $namespaced (printf "%s.svc" $namespaced) (printf "%s.svc.cluster.local" $namespaced)) }}
{{- end }}
{{- $_ := set $own "http" (dict "hosts" (uniq $hosts)) }}
{{- end }}
{{- toYaml (merge $own .Values.config) }}
{{- end }}

{{/* What the Secrets of upstreams hold now, as a hash: pods are replaced by an upgrade after a key was changed. Empty where it cannot be seen. */}}
{{- define "parley.upstreamChecksum" -}}
{{- $root := . }}
{{- $seen := list }}
{{- range $name, $of := .Values.upstreamKeys }}
{{- $secret := lookup "v1" "Secret" $root.Release.Namespace $of.secret }}
{{- with $secret }}{{ $seen = append $seen (printf "%s=%s" $name (index (.data | default dict) $of.key)) }}{{ end }}
{{- end }}
{{- with .Values.existingConfig.secret }}
{{- with lookup "v1" "Secret" $root.Release.Namespace . }}{{ $seen = append $seen (.data | toJson) }}{{ end }}
{{- end }}
{{- if $seen }}{{ $seen | join "\n" | sha256sum }}{{ end }}
{{- end }}
