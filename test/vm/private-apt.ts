// An apt of our own: its lists, cache and idea of what is installed (nothing) are in a folder of ours, so that neither root
// nor any change to the machine is needed. Proxy and credentials are still those of the machine's apt.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PackageSet } from './package-list.js'
import { runCommand } from './run-command.js'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

const downloadTimeoutMs = 900_000

export interface PrivateApt {
  /** Everything that a set consists of, as `name=version`. */
  resolve(set: PackageSet): Promise<string[]>
  download(packages: readonly string[], into: string): Promise<void>
}

/** Sets an apt up in `folder` and fetches the lists of `suites`. */
export async function openPrivateApt(folder: string, mirror: string, suites: readonly string[]): Promise<PrivateApt> {
  for (const name of ['state/lists/partial', 'cache/archives/partial', 'empty']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  writeFileSync(join(folder, 'state/status'), '')
  const signedBy = existsSync(keyring) ? `[signed-by=${keyring}] ` : ''
  writeFileSync(
    join(folder, 'sources.list'),
    suites.map((suite) => `deb ${signedBy}${mirror} ${suite} main\n`).join(''),
  )
  const configuration = join(folder, 'apt.conf')
  writeFileSync(configuration, aptConfiguration(folder))
  const options = ['-c', configuration, '-q', '-y']
  await runCommand('apt-get', [...options, 'update'], { timeoutMs: downloadTimeoutMs })

  return {
    async resolve(set) {
      const plan = await runCommand('apt-get', [...options, '-s', '-t', set.suite, 'install', ...set.packages])
      return parsePlan(plan).flatMap(({ name, version }) =>
        set.only === undefined || set.only.test(name) ? [`${name}=${version}`] : [],
      )
    },
    async download(packages, into) {
      await runCommand('apt-get', [...options, 'download', ...packages], { cwd: into, timeoutMs: downloadTimeoutMs })
    },
  }
}

/** Reads the `Inst name (version …)` lines of a simulated installation. */
export function parsePlan(plan: string): { name: string; version: string }[] {
  return [...plan.matchAll(/^Inst (\S+) \((\S+) /gm)].map(([, name = '', version = '']) => ({ name, version }))
}

// A configuration file rather than options: only a file can empty the lists of hooks, which belong to the machine and
// would act on it.
function aptConfiguration(folder: string): string {
  return `
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
APT::Update::Error-Mode "any";
APT::Architecture "amd64";
#clear APT::Architectures;
APT::Install-Recommends "false";
APT::Sandbox::User "";
APT::Default-Release "";
Acquire::Languages "none";
Acquire::Retries "3";
Dir::State "${folder}/state";
Dir::State::status "${folder}/state/status";
Dir::Cache "${folder}/cache";
Dir::Etc::sourcelist "${folder}/sources.list";
Dir::Etc::sourceparts "${folder}/empty";
Dir::Etc::preferences "${folder}/empty/none";
Dir::Etc::preferencesparts "${folder}/empty";
`
}
