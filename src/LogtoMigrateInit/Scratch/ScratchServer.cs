using System.Data;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Scratch;

/// <summary>
/// The right to make scratch databases for one database, and the connection on which that is done: to the maintenance database, since a
/// database is neither made nor renamed from inside. Whoever has it knows that every scratch database he finds was left by a killed run.
/// </summary>
internal sealed class ScratchServer : IAsyncDisposable
{
    /// <summary>The first four bytes of SHA-256("logto-migrate-init scratch"), big-endian; the second half of the key is the hash of the database's name.</summary>
    public const int LockClass = 86006637;

    private const string Databases = "select datname::text from pg_catalog.pg_database where starts_with(datname::text, $1)";

    private const string Roles = """
        select rolname::text from pg_catalog.pg_roles where starts_with(rolname::text, $1) or starts_with(rolname::text, replace($1, '-', '_')) order by 1 desc
        """;

    /// <summary>A drop waits for a checkpoint, which takes long on a busy disk; a server that has stopped answering is not waited for without end.</summary>
    private static readonly TimeSpan LongestDrop = TimeSpan.FromMinutes(2);

    /// <summary>Each waits for five seconds in the server.</summary>
    private const int DropTries = 6;

    /// <summary>After a signal, so that it fits into the ten seconds that containers are given.</summary>
    private static readonly TimeSpan LongestDropOnceStopped = TimeSpan.FromSeconds(5);

    private readonly DirectServer _server;
    private readonly ScratchNames _names;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _turn = new(1);
    private Task _drops = Task.CompletedTask;

    private ScratchServer(DirectServer server, NpgsqlConnection connection, ILogger logger) =>
        (_server, Connection, _names, _logger) = (server, connection, new ScratchNames(server.Target.Database), logger);

    /// <summary>To the maintenance database, outside of a transaction.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary>A clause for the operator: a pooler answers, and nothing was done. Null when all is well.</summary>
    public string? WhyUnusable { get; private set; }

    /// <summary>The server, with the credentials of the role that owns the scratch databases.</summary>
    public ServerTarget Target => _server.Target;

    /// <summary>A database of the server; the caller disposes of it.</summary>
    public LogtoDatabase DatabaseAt(ServerTarget there) => _server.DatabaseAt(there);

    /// <summary>The same, and waits while another run has the right.</summary>
    /// <param name="server">The server.</param>
    /// <param name="longest">How long to wait.</param>
    /// <param name="logger">Is told once that it waits.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null when another run had it all the time.</returns>
    /// <exception cref="DatabaseException">No maintenance database lets us in.</exception>
    public static async Task<ScratchServer?> OpenAsync(DirectServer server, TimeSpan longest, ILogger logger, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var backoff = new Backoff();
        var reported = false;
        while (true)
        {
            var scratch = await TryOpenAsync(server, logger, cancellationToken);
            if (scratch is not null || Stopwatch.GetElapsedTime(started) >= longest)
            {
                return scratch;
            }

            if (!reported)
            {
                reported = true;
                logger.WaitingForScratch();
            }

            await Task.Delay(backoff.Next(), cancellationToken);
        }
    }

    /// <summary>Connects, takes the right, and removes what killed runs have left.</summary>
    /// <returns>Null when another run has it.</returns>
    /// <exception cref="DatabaseException">No maintenance database lets us in.</exception>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "It goes to the caller, or is disposed of.")]
    public static async Task<ScratchServer?> TryOpenAsync(DirectServer server, ILogger logger, CancellationToken cancellationToken)
    {
        var connection = await OpenMaintenanceAsync(server, cancellationToken);
        var scratch = new ScratchServer(server, connection, logger);
        try
        {
            scratch.WhyUnusable = server.WhyBehindPooler(await DumpQueries.ReadIdentityAsync(connection, cancellationToken));
            if (scratch.WhyUnusable is not null)
            {
                return scratch; // its connection would keep the lock for whoever it serves next
            }

            foreach (var limit in new[] { "idle_session_timeout", "statement_timeout", "lock_timeout" })
            {
                await scratch.ExecuteAsync($"set {limit} = 0", cancellationToken); // whatever the role has
            }

            await using var command = new NpgsqlCommand("select pg_try_advisory_lock($1, hashtext($2))", connection)
            {
                Parameters = { new() { Value = LockClass }, new() { Value = server.Target.Database } },
            };
            if ((bool)(await command.ExecuteScalarAsync(cancellationToken))!)
            {
                await scratch.RemoveLeftOversAsync(cancellationToken);
                return scratch;
            }
        }
        catch
        {
            await scratch.DisposeAsync();
            throw;
        }

        await scratch.DisposeAsync();
        return null;
    }

    /// <summary>Makes an empty database that nobody else may enter.</summary>
    /// <param name="properties">What stands behind the name in <c>create database</c>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Its name.</returns>
    public async Task<string> CreateAsync(string properties, CancellationToken cancellationToken)
    {
        var name = _names.New();
        await ExecuteAsync($"create database {SqlNames.Quote(name)} {properties}", cancellationToken);
        await ExecuteAsync($"revoke all on database {SqlNames.Quote(name)} from public", cancellationToken);
        return name;
    }

    /// <summary>Removes one, whoever is connected to it; what cannot be removed now, the next run removes.</summary>
    /// <param name="name">Of the scratch database.</param>
    /// <param name="stop">Leaves little time from when it is cancelled.</param>
    public async Task DropAsync(string name, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(LongestDrop);
        await using var hurry = stop.Register(() => limit.CancelAfter(LongestDropOnceStopped));
        try
        {
            await RemoveAsync(name, limit.Token).WaitAsync(limit.Token);
        }
        catch (Exception failure) when (!limit.IsCancellationRequested && Connection.State != ConnectionState.Open && (failure is InvalidOperationException || DatabaseException.From(failure) is not null))
        {
            await DropOverNewConnectionAsync(name, limit.Token); // a connection that is idle for an hour may be cut off on its way
        }
        catch (Exception failure) when (failure is OperationCanceledException or InvalidOperationException || DatabaseException.From(failure) is not null)
        {
            _logger.ScratchLeft(name, failure.Message);
        }
    }

    /// <summary>The same while other things are done, since a drop waits for a checkpoint; this is not disposed of before it has ended.</summary>
    public void DropMeanwhile(string name, CancellationToken stop) => _drops = Task.WhenAll(_drops, DropAsync(name, stop));

    private async Task DropOverNewConnectionAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var another = new ScratchServer(_server, await OpenMaintenanceAsync(_server, cancellationToken), _logger);
            await another.RemoveAsync(name, cancellationToken);
        }
        catch (Exception failure) when (failure is OperationCanceledException or InvalidOperationException || DatabaseException.From(failure) is not null)
        {
            _logger.ScratchLeft(name, failure.Message);
        }
    }

    /// <summary>Runs a statement; of several at once each waits for the one before.</summary>
    public async Task ExecuteAsync(string statement, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await using var command = new NpgsqlCommand(statement, Connection) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Whether a database could not be made because this server lacks its locale (the operating system's, or ICU's), or an older one its provider.</summary>
    public static bool IsAboutLocale(Exception exception) => exception is PostgresException { SqlState: PostgresErrorCodes.WrongObjectType or PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.SyntaxError };

    public async ValueTask DisposeAsync()
    {
        await _drops;
        await LogtoDatabase.CloseAsync(Connection);
        _turn.Dispose();
    }

    /// <summary>Another connection to the same database.</summary>
    public async Task<NpgsqlConnection> OpenAnotherAsync(CancellationToken cancellationToken)
    {
        await using var maintenance = _server.DatabaseNamed(Connection.Database);
        return await maintenance.RetryAsync(maintenance.OpenAsync, cancellationToken);
    }

    /// <summary><c>postgres</c> as everywhere, else the template that every cluster has.</summary>
    private static async Task<NpgsqlConnection> OpenMaintenanceAsync(DirectServer server, CancellationToken cancellationToken)
    {
        await using var usual = server.DatabaseNamed(DatabaseCreation.MaintenanceDatabase);
        await using var template = server.DatabaseNamed("template1");
        return await server.Database.RetryAsync(
            async token =>
            {
                try
                {
                    return await usual.OpenAsync(token);
                }
                catch (DatabaseException closed) when (closed.InnerException is PostgresException { SqlState: not (PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections) })
                {
                    return await template.OpenAsync(token); // dropped, closed, or not for this user
                }
            },
            cancellationToken);
    }

    /// <summary>The database first: PostgreSQL drops no role that has rights in one.</summary>
    private async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await ExecuteAsync($"drop database if exists {SqlNames.Quote(name)} with (force)", cancellationToken);
                break;
            }
            catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ObjectInUse && tries < DropTries)
            {
                // The server gives the sessions that it has told to end five seconds, in which a starved one has not even begun to.
            }
        }

        foreach (var role in await ReadNamesAsync(Roles, LogtoNames.RolePrefix + name, cancellationToken))
        {
            await ExecuteAsync($"drop role if exists {SqlNames.Quote(role)}", cancellationToken);
        }
    }

    private async Task RemoveLeftOversAsync(CancellationToken cancellationToken)
    {
        var databases = await ReadNamesAsync(Databases, _names.Prefix, cancellationToken);
        var roles = await ReadNamesAsync(Roles, LogtoNames.RolePrefix + _names.Prefix, cancellationToken);
        foreach (var name in databases.Concat(roles.Select(_names.OfRole).OfType<string>()).Distinct().Where(_names.IsOurs))
        {
            try
            {
                await RemoveAsync(name, cancellationToken);
                _logger.RemovedScratch(name);
            }
            catch (PostgresException refusal)
            {
                _logger.ScratchLeft(name, refusal.MessageText); // a superuser's session is in it
            }
        }
    }

    private async Task<IReadOnlyList<string>> ReadNamesAsync(string query, string prefix, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await using var command = new NpgsqlCommand(query, Connection) { Parameters = { new() { Value = prefix } } };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await reader.ReadNamesAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }
}
