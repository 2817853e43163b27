using System.Globalization;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Ends the CLI when the program is gone or suspended, because then the lock is, or will be, another run's. Lets the CLI connect only after
/// the program has made sure of the lock: a machine that was suspended does not know for how long, and what it does first is to connect
/// again, because the next holder has ended its sessions. It is a thread of Node.js's own, so that an alteration that computes for minutes
/// neither delays it nor looks like silence.
/// </summary>
internal static class CliGuard
{
    /// <summary>What a line of the guard begins with when it ends the CLI; its reason follows.</summary>
    public const string LinePrefix = "logto-migrate-init ends Logto's CLI: ";

    /// <summary>The line with which it asks whether the lock is still held.</summary>
    public const string Question = "logto-migrate-init asks before Logto's CLI connects";

    /// <summary>
    /// Shorter than the limits of load balancers, which forget a silent connection: while an index is built, nothing else is sent.
    /// </summary>
    private const int KeepAliveMilliseconds = 10_000;

    /// <summary>A sign of life.</summary>
    public const byte Beat = 0;

    /// <summary>
    /// The answer to every <see cref="Question"/> so far: yes. There is no other; whoever has lost the lock ends the CLI.
    /// </summary>
    public const byte Answer = 1;

    /// <summary>For <c>node --import</c>, from Node.js 18.18.</summary>
    public static string Module(Timings timings) => "data:text/javascript," + Uri.EscapeDataString($$"""
        import { Socket } from 'node:net';
        import { Worker } from 'node:worker_threads';
        const guard = new Worker({{Quote(Thread(timings))}}, { eval: true });
        const connect = Socket.prototype.connect;
        const waiting = [];
        Socket.prototype.connect = function (...address) {
          this.setKeepAlive(true, {{KeepAliveMilliseconds}});
          waiting.push(() => { if (!this.destroyed) connect.apply(this, address); });
          guard.ref();
          guard.postMessage(waiting.length);
          return this;
        };
        guard.on('message', () => {
          waiting.splice(0).forEach((go) => go());
          guard.unref();
        });
        guard.on('error', (error) => { throw error; });
        guard.unref();
        """);

    // Silence is counted in steps of at most a second: what a frozen machine missed is no silence. After a standstill the signs of life
    // that wait in the pipe tell whether the program was suspended too: in the time that they do not cover, another replica may have taken
    // the lock. Both are judged in an immediate, before which Node.js reads the pipe
    // (https://nodejs.org/en/learn/asynchronous-work/event-loop-timers-and-nexttick). A question is asked again, because it may stand
    // inside of a long line that the CLI was writing.
    private static string Thread(Timings timings) => string.Create(CultureInfo.InvariantCulture, $$"""
        const { Socket } = require('node:net');
        const { write } = require('node:fs');
        const { parentPort } = require('node:worker_threads');
        const kill = () => process.kill(process.pid, 'SIGKILL');
        const end = (reason) => { write(2, {{Text(LinePrefix)}} + reason + '\n', kill); setTimeout(kill, 100); };
        const ask = () => write(2, {{Text(Question)}} + '\n', () => {});
        let last = performance.now();
        let silent = 0;
        let heard = 0;
        let asked = 0;
        parentPort.on('message', () => { asked = 1; ask(); });
        new Socket({ fd: 0 })
          .on('data', (bytes) => {
            silent = 0;
            heard += bytes.filter((byte) => byte === {{Beat}}).length;
            if (bytes.includes({{Answer}})) { asked = 0; parentPort.postMessage(0); }
          })
          .on('end', () => end('logto-migrate-init is gone'))
          .on('error', () => end('logto-migrate-init is gone'));
        setInterval(() => {
          const now = performance.now();
          const passed = now - last;
          last = now;
          silent += Math.min(passed, 1000);
          if (asked > 0 && asked++ % 5 === 0) ask();
          setImmediate(() => {
            const standstill = passed - heard * {{timings.Beat.TotalMilliseconds:0}};
            heard = 0;
            if (standstill > {{timings.GuardStandstill.TotalMilliseconds:0}})
              end(`it and logto-migrate-init were suspended for ${Math.round(standstill / 1000)} s, and the lock's lease has ended`);
            else if (silent > {{timings.GuardSilence.TotalMilliseconds:0}})
              end(`logto-migrate-init has been silent for ${Math.round(silent / 1000)} s`);
          });
        }, 200);
        """);

    private static string Text(string text) => $"'{text.Replace("'", "\\'", StringComparison.Ordinal)}'";

    private static string Quote(string text) =>
        "`" + text
            .Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("`", "\\`", StringComparison.Ordinal)
            .Replace("${", "\\${", StringComparison.Ordinal) + "`";
}
