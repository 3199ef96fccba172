/** Variables of an environment by name, as a process has them. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What any program needs: where things are, whose folders they are, which language is spoken. No name of it ever holds a secret. */
const shared =
  /^(PATH|PATHEXT|COMSPEC|SYSTEMROOT|SYSTEMDRIVE|WINDIR|HOME|USERPROFILE|APPDATA|LOCALAPPDATA|TMPDIR|TEMP|TMP|TZ|LANG|LANGUAGE|LC_.*|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH)$/i;

/** The environment of a program that is started: what every program needs, and the names that this one reads besides. Everything else, such as keys of upstreams, stays here. */
export function childEnvironment(variables: Variables, extra: RegExp): Record<string, string> {
  const passed = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && (shared.test(entry[0]) || extra.test(entry[0])),
  );
  return Object.fromEntries(passed);
}
