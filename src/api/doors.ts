import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import type { DescService } from "@bufbuild/protobuf";
import { admission, gate, newRequestId, type Refused } from "./admission.ts";
import { authenticator, type Locks } from "./authenticate.ts";
import { cors } from "./cors.ts";
import { pathOf, type Doors, type HttpRequest, type HttpResponse, type Procedure } from "./exchange.ts";
import { hostCheck, type Names } from "./hosts.ts";
import { grpcDoor, type TakeStream } from "./grpc/door.ts";
import type { NativeMethods } from "./grpc/methods.ts";
import { restRouter } from "./rest/router.ts";
import type { MetricsText } from "./rest/own-routes.ts";
import { rpcProcedures } from "./rpc/adapter.ts";
import { mountReflection } from "./rpc/reflection.ts";
import { isRpcType, unknownRpc } from "./rpc/refuse.ts";
import { mountServices, purposeOf } from "./rpc/services.ts";
import { unacceptable } from "./unacceptable.ts";

/** What is served beside the service itself. */
export interface DoorOptions extends Locks, Names {
  /** Whether the port speaks TLS. */
  readonly isSecure: boolean;
  /** Whether nothing but probes and `/metrics` is there. */
  readonly areProbesAlone: boolean;
  /** Origins whose pages may call, such as `https://app.example`. */
  readonly corsOrigins: readonly string[];
  /** Whether clients may ask for the services' descriptors. */
  readonly reflection: boolean;
  readonly refused: Refused;
  /** Writes `/metrics`; undefined: there is no such path. */
  readonly metricsText: MetricsText | undefined;
  /** Further RPC services of the program that embeds this one. */
  readonly routes: ((router: ConnectRouter) => void) | undefined;
  /** Interceptors around every RPC, inside our own. */
  readonly interceptors: readonly Interceptor[];
  /** Whether errors of RPCs carry our details beside their code and message; only a suite that counts details has a reason to switch them off. */
  readonly errorDetails: boolean;
}

/** Every door. */
export interface Handlers {
  /** Takes each request of both HTTP versions. */
  readonly handle: (request: HttpRequest, response: HttpResponse) => void;
  /** The methods of a path as `Allow` lists them; undefined: there is no such path. */
  readonly allowedAt: (path: string) => string | undefined;
  /** Takes streams of HTTP/2 before requests are made of them. */
  readonly take: TakeStream;
}

/** Every door behind one handler for both HTTP versions, and the native gRPC door before it. */
export function handlersOf(doors: Doors, options: DoorOptions): Handlers {
  const crossOrigin = cors(options.corsOrigins, options);
  const { refused, errorDetails } = options;
  const authenticate = authenticator(options);
  const entrance = gate({ ...doors, authenticate, refused, errorDetails, cors: crossOrigin, checkHost: hostCheck(options) });
  const admit = admission(entrance, doors);
  const { procedureOf, allowedAt, native } = directory(doors, options);
  const take = grpcDoor({ ...doors, gate: entrance, methods: native, purposeOf });
  return { handle, allowedAt, take };

  function handle(request: HttpRequest, response: HttpResponse): void {
    const requestId = newRequestId();
    response.setHeader("x-request-id", requestId);
    // The client closes after this answer, rather than sending one more request to a service that goes away.
    if (doors.drain.isDraining && !("stream" in request)) response.setHeader("connection", "close");
    crossOrigin.mark(request, response);
    if (crossOrigin.preflight(request, response)) return doors.log.debug("preflight", { requestId });
    admit(request, response, procedureOf(request));
  }
}

/** What there is to call. */
interface Directory extends Pick<Handlers, "allowedAt"> {
  readonly procedureOf: (request: HttpRequest) => Procedure;
  readonly native: NativeMethods;
}

/** Finds what a request asks for: an RPC by its path, else a REST route, else the error of the protocol it speaks. */
function directory(doors: Doors, options: DoorOptions): Directory {
  const services: DescService[] = [];
  const { procedures, native } = rpcProcedures({
    ...doors,
    interceptors: options.interceptors,
    purposeOf,
    routes(router) {
      mountServices(router, doors);
      options.routes?.(router);
      if (options.reflection) mountReflection(router, () => services);
      services.push(...router.handlers.map(({ service }) => service));
    },
  });
  const served = options.areProbesAlone ? probesOf(procedures) : procedures;
  const rest = restRouter(doors, options);
  const procedureOf = (request: HttpRequest) => {
    const refused = unacceptable(request, doors);
    if (refused !== undefined) return refused;
    const rpc = served.get(pathOf(request));
    if (rpc !== undefined) return rpc;
    return isRpcType(request.headers["content-type"]) ? unknownRpc : rest.find(request);
  };
  const allowedAt = (path: string) => (served.has(path) ? "POST" : rest.allowedAt(path));
  return { procedureOf, allowedAt, native: options.areProbesAlone ? probesOf(native) : native };
}

function probesOf<Value>(byPath: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...byPath].filter(([path]) => purposeOf(path.slice(1)) === "probe"));
}
