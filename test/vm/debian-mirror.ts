// The mirror that this machine's own apt uses, asked of apt itself: it reads both formats of its sources, and everything
// else that may be configured.
import { readFileSync } from 'node:fs'
import { runCommand } from './run-command.js'

/** The addresses that may be a mirror of Debian's main archive, the likeliest first. */
export async function debianMirrors(): Promise<string[]> {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const targets = await runCommand('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'])
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  return chooseMirrors(targets, codename ?? 'stable')
}

/** Chooses from lines of "address release component": the archive of a release itself, not its security or its updates. */
export function chooseMirrors(targets: string, codename: string): string[] {
  const releases = new Set([codename, 'stable', 'oldstable', 'testing', 'unstable', 'sid'])
  const addresses = targets.split('\n').flatMap((line) => {
    const [address, release, component] = line.trim().split(/\s+/)
    return address && release && releases.has(release) && component === 'main' ? [address] : []
  })
  // Other vendors name their suites after Debian's releases too; what tells the mirror from them is the end of its address.
  const isLikely = (address: string) => /\/debian\/?$/.test(address)
  const unique = [...new Set(addresses)]
  return [...unique.filter(isLikely), ...unique.filter((address) => !isLikely(address))]
}
