// Whom `quiesce serve` lets in beside its own user. Only root can become somebody else; without, what can be seen is the file.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, statSync } from 'node:fs'
import { describe, it } from 'node:test'
import { userIds } from '../../../src/cli/serve/user-ids.js'
import { Serving, SocketFolder } from './serving.js'

const isRoot = process.geteuid?.() === 0
const [nobody, another, third] = [65534, 65533, 65532]

/** Everybody may look into it. */
function openFolder(): SocketFolder {
  const folder = new SocketFolder()
  chmodSync(folder.path, 0o755)
  return folder
}

/** Connects as a user, and stays. */
function connectAs(uid: number, path: string): ChildProcess {
  const script = `
    const socket = require('node:net').connect(process.argv[1])
    socket.on('error', ({ code }) => console.log(code)).on('close', () => process.exit()).resume()`
  return spawn(process.execPath, ['-e', script, path], {
    uid,
    gid: uid,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function outputOf(child: ChildProcess): Promise<string> {
  let output = ''
  for await (const text of child.stdout ?? []) output += text
  return output.trim()
}

describe('quiesce serve --allow-user', () => {
  it('gives the socket to that user, who gets in, and nobody else does', async () => {
    using folder = openFolder()
    const path = folder.at('socket')
    await using serving = new Serving(['sim:edu', '--socket', path, '--json', '--allow-user', String(nobody)])
    await serving.event('serving')
    const { uid, mode } = statSync(path)
    if (!isRoot) {
      // It cannot be given away: who connects is looked at instead.
      assert.deepEqual([uid, mode & 0o777], [process.geteuid?.(), 0o666])
      return
    }
    assert.deepEqual([uid, mode & 0o777], [nobody, 0o600])
    assert.equal(await outputOf(connectAs(another, path)), 'EACCES')
    const vmm = connectAs(nobody, path)
    assert.equal((await serving.event('connected'))['uid'], nobody)
    vmm.kill()
    await serving.event('released')
    assert.deepEqual(serving.kinds(), ['serving', 'connected', 'disconnected', 'reset-report', 'released'])
  })

  it('given several times looks at who connects, and turns others away', async () => {
    using folder = openFolder()
    const path = folder.at('socket')
    const users = ['--allow-user', String(nobody), '--allow-user', String(another)]
    await using serving = new Serving(['sim:edu', '--socket', path, '--json', ...users])
    await serving.event('serving')
    assert.equal(statSync(path).mode & 0o777, 0o666)
    if (!isRoot) return
    assert.equal(await outputOf(connectAs(third, path)), '')
    const away = await serving.event('turned-away')
    assert.deepEqual([away['uid'], away['reason']], [third, `user ${third} may not use it`])
    const vmm = connectAs(another, path)
    assert.equal((await serving.event('connected'))['uid'], another)
    vmm.kill()
  })
})

describe('users', () => {
  const passwords = 'root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:108:,,,:/var/lib/libvirt:/usr/sbin/nologin\n'
  const idsOf = (...users: string[]) => userIds(users, () => passwords)

  it('are found by name, or are numbers', () => {
    assert.deepEqual(idsOf('libvirt-qemu', '1000', 'root', '0'), [64055, 1000, 0])
    assert.deepEqual(userIds(['root']), [0])
  })

  it('are refused where there is no such one', () => {
    for (const user of ['', 'libvirt', '-1', '4294967295', 'x', '99999999999', '1e3']) {
      assert.throws(() => idsOf(user), { code: 'USAGE', message: /there is no such user/ }, user)
    }
  })
})
