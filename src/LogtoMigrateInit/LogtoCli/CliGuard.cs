using System.Globalization;
using LogtoMigrateInit.Configuration;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>
/// Ends the CLI when its gate is gone or stands still, because then the lock is, or will be, somebody else's. It is a thread of
/// Node.js's own, so that an alteration that computes for minutes neither delays it nor looks like silence.
/// </summary>
internal static class CliGuard
{
    /// <summary>What a line of the guard begins with; its reason follows.</summary>
    public const string LinePrefix = "logto-migrate-init ends Logto's CLI: ";

    /// <summary>For <c>node --import</c>, from Node.js 18.18.</summary>
    public static string Module(Timings timings) => "data:text/javascript," + Uri.EscapeDataString($$"""
        import { Worker } from 'node:worker_threads';
        const guard = new Worker({{Quote(Thread(timings))}}, { eval: true });
        guard.on('error', (error) => { throw error; });
        guard.unref();
        """);

    // Silence is counted in steps of at most a second: what a frozen machine missed is no silence. After a standstill the signs of life that
    // wait in the pipe tell whether the gate stood still too: what they do not account for, the lock may have passed on in. Both are judged
    // in an immediate, before which Node.js reads the pipe (https://nodejs.org/en/learn/asynchronous-work/event-loop-timers-and-nexttick).
    private static string Thread(Timings timings) => string.Create(CultureInfo.InvariantCulture, $$"""
        const { Socket } = require('node:net');
        const { write } = require('node:fs');
        const kill = () => process.kill(process.pid, 'SIGKILL');
        const end = (reason) => { write(2, '{{LinePrefix.Replace("'", "\\'", StringComparison.Ordinal)}}' + reason + '\n', kill); setTimeout(kill, 100); };
        let last = performance.now();
        let silent = 0;
        let heard = 0;
        new Socket({ fd: 0 })
          .on('data', (beats) => { silent = 0; heard += beats.length; })
          .on('end', () => end('its gate is gone'))
          .on('error', () => end('its gate is gone'));
        setInterval(() => {
          const now = performance.now();
          const passed = now - last;
          last = now;
          silent += Math.min(passed, 1000);
          setImmediate(() => {
            const standstill = passed - heard * {{timings.Beat.TotalMilliseconds:0}};
            heard = 0;
            if (standstill > {{timings.GuardStandstill.TotalMilliseconds:0}}) end(`it and its gate stood still for ${Math.round(standstill / 1000)} s, and the lock's lease has ended`);
            else if (silent > {{timings.GuardSilence.TotalMilliseconds:0}}) end(`its gate has been silent for ${Math.round(silent / 1000)} s`);
          });
        }, 200);
        """);

    private static string Quote(string text) =>
        $"`{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("`", "\\`", StringComparison.Ordinal).Replace("${", "\\${", StringComparison.Ordinal)}`";
}
