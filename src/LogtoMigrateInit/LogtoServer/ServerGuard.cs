using System.Globalization;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>
/// Code inside a started Logto that binds it to 127.0.0.1. Reason: core binds all addresses, and a copy may contain all users. It ends
/// Logto when this program is gone or the time limit has passed. A separate thread does this, so a busy Logto does not delay it.
/// </summary>
internal static class ServerGuard
{
    /// <summary>The beginning of the line with the port on which Logto listens. From then on no other process can have that port.</summary>
    public const string LinePrefix = "logto-migrate-init: Logto listens on 127.0.0.1:";

    /// <summary>Returns the guard as a module for <c>node --import</c>, which needs Node.js 18.18.</summary>
    /// <param name="limit">The longest lifetime of the process.</param>
    public static string Module(TimeSpan limit) => "data:text/javascript," + Uri.EscapeDataString($$"""
        import { writeSync } from 'node:fs';
        import { Server } from 'node:net';
        import { Worker, isMainThread } from 'node:worker_threads';
        const listen = Server.prototype.listen;
        Server.prototype.listen = function (...given) { // a text that is a number for Node.js is a port, and any other a file
          const [first] = given;
          const callback = given.findLast((each) => typeof each === 'function');
          if (typeof first === 'string' && !(Number(first) >= 0)) return listen.apply(this, given);
          const port = typeof first === 'function' ? 0 : first ?? 0;
          const options = typeof port === 'object' ? { ...port } : { port: Number(port) };
          if (typeof options.path === 'string' && options.port === undefined) return listen.apply(this, given);
          if (options.port === undefined) throw new Error('logto-migrate-init lets Logto listen on a port of 127.0.0.1 only');
          options.host = '127.0.0.1';
          this.once('listening', () => writeSync(2, '\n{{LinePrefix}}' + options.port + '\n'));
          return listen.call(this, options, callback);
        };
        if (isMainThread) new Worker(`
          const { Socket } = require('node:net');
          const kill = () => process.kill(process.pid, 'SIGKILL');
          new Socket({ fd: 0 }).on('data', () => {}).on('end', kill).on('error', kill);
          setTimeout(kill, {{limit.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture)}});
        `, { eval: true }).unref();
        """);
}
