/** Who sends the traces. */
export interface TracingOptions {
  readonly serviceName: string;
  readonly serviceVersion: string;
}

/**
 * Starts OpenTelemetry for this process; the answer sends what is left and stops it. Where the traces go is the standard's own environment (`OTEL_EXPORTER_OTLP_ENDPOINT` and kin).
 * Without it nothing is loaded: the SDK takes 0.2 s to start, and spans without one cost next to nothing.
 */
export async function startTracing({ serviceName, serviceVersion }: TracingOptions): Promise<() => Promise<void>> {
  const [{ startNodeSdk }, { defaultResource, resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/sdk-node"),
    import("@opentelemetry/resources"),
  ]);
  const resource = defaultResource().merge(resourceFromAttributes({ "service.name": serviceName, "service.version": serviceVersion }));
  // Traces only: metrics are Prometheus text at /metrics, logs are lines.
  const sdk = startNodeSdk({ baseResource: resource, metricReaders: [], logRecordProcessors: [], instrumentations: [] });
  return () => sdk.shutdown();
}
