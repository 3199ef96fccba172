/** Where the service listens unless told otherwise. */
export const defaultHost = "127.0.0.1";
/** Its port there. */
export const defaultPort = 8080;
