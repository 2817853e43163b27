using System.Globalization;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Code inside the CLI that ends it when the program is gone or suspended, because another run may then hold the lock. It also delays each
/// connection until the program has confirmed the lock. Reason: after a suspension of unknown length the next holder has terminated the
/// CLI's sessions, so the CLI first connects again. The guard is a separate thread of Node.js: an alteration that computes for minutes does
/// not delay it.
/// </summary>
internal static class CliGuard
{
    /// <summary>The beginning of the line that the guard prints before it ends the CLI. The reason follows.</summary>
    public const string LinePrefix = "logto-migrate-init ends Logto's CLI: ";

    /// <summary>The line with which the guard asks whether the program still holds the lock.</summary>
    public const string Question = "logto-migrate-init asks before Logto's CLI connects";

    /// <summary>
    /// Shorter than the limits after which load balancers drop a silent connection. During an index build nothing else is sent.
    /// </summary>
    private const int KeepAliveMilliseconds = 10_000;

    /// <summary>The byte of a heartbeat.</summary>
    public const byte Beat = 0;

    /// <summary>
    /// The byte that answers all questions so far with yes. There is no other answer: a program without the lock ends the CLI.
    /// </summary>
    public const byte Answer = 1;

    /// <summary>Returns the guard as a module for <c>node --import</c>, which needs Node.js 18.18.</summary>
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

    // Each step adds at most one second of silence, so that a suspension of the CLI does not count as silence of the program. After a
    // suspension, the heartbeats in the pipe show whether the program was suspended too. In any time without heartbeats another replica may
    // have taken the lock. The checks run in an immediate, because Node.js reads the pipe before that
    // (https://nodejs.org/en/learn/asynchronous-work/event-loop-timers-and-nexttick). The guard repeats its question, because the text may
    // have ended up inside a long line that the CLI was writing.
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
            if (standstill > {{timings.GuardSuspension.TotalMilliseconds:0}})
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
