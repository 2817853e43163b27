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
/// A connection for creating scratch databases of one database, with an advisory lock. It is connected to a maintenance database, because
/// no session can rename or drop its own database. Because of the lock, all scratch databases that it finds were left by killed runs.
/// </summary>
internal sealed class ScratchServer : IAsyncDisposable
{
    /// <summary>
    /// The first half of the lock's key: the first four bytes of SHA-256("logto-migrate-init scratch"), big-endian. The second half is the
    /// hash of the database's name.
    /// </summary>
    public const int LockClass = 86006637;

    private const string Databases = """
        select datname::text
        from pg_catalog.pg_database
        where starts_with(datname::text, $1)
        """;

    private const string Roles = """
        select rolname::text
        from pg_catalog.pg_roles
        where starts_with(rolname::text, $1)
          or starts_with(rolname::text, replace($1, '-', '_'))
        order by 1 desc
        """;

    private const string MarkedRoles = """
        select rolname::text
        from pg_catalog.pg_roles
        where pg_catalog.shobj_description(oid, 'pg_authid') = $1
        order by 1 desc
        """;

    private static readonly string Marks = $"""
        select distinct substr(pg_catalog.shobj_description(oid, 'pg_authid'), {ScratchNames.Mark.Length + 1})
        from pg_catalog.pg_roles
        where starts_with(pg_catalog.shobj_description(oid, 'pg_authid'), $1)
        """;

    /// <summary>
    /// The longest drop. A drop waits for a checkpoint, which takes long on a busy disk. The server may also have stopped answering.
    /// </summary>
    private static readonly TimeSpan LongestDrop = TimeSpan.FromMinutes(2);

    /// <summary>The number of tries to drop a database. In each, the server waits five seconds for sessions.</summary>
    private const int DropTries = 6;

    /// <summary>The longest drop after a signal. A container has ten seconds to exit.</summary>
    private static readonly TimeSpan LongestDropOnceStopped = TimeSpan.FromSeconds(5);

    private readonly DirectServer _server;
    private readonly ScratchNames _names;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _turn = new(1);
    private Task _drops = Task.CompletedTask;

    private ScratchServer(DirectServer server, NpgsqlConnection connection, ILogger logger) =>
        (_server, Connection, _names, _logger) = (server, connection, new ScratchNames(server.Target.Database), logger);

    /// <summary>The connection to the maintenance database, outside a transaction.</summary>
    public NpgsqlConnection Connection { get; }

    /// <summary>
    /// A clause for the operator when the connection goes through a pooler. Then the server is not locked and must not be used. Null: it
    /// can be used.
    /// </summary>
    public string? WhyUnusable { get; private set; }

    /// <summary>The server, with the credentials of the role that owns the scratch databases.</summary>
    public ServerTarget Target => _server.Target;

    /// <summary>Returns a database of the server. The caller disposes of it.</summary>
    public LogtoDatabase DatabaseAt(ServerTarget target) => _server.DatabaseAt(target);

    /// <summary>Opens the scratch server, and waits while another run holds its lock.</summary>
    /// <param name="longest">The longest wait. Its start is logged.</param>
    /// <returns>Null when another run held the lock for that time.</returns>
    /// <exception cref="DatabaseException">No maintenance database accepts the connection.</exception>
    public static async Task<ScratchServer?> OpenAsync(
        DirectServer server, TimeSpan longest, ILogger logger, CancellationToken cancellationToken)
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

    /// <summary>Connects, takes the lock, and removes scratch databases and roles that killed runs left.</summary>
    /// <returns>Null when another run holds the lock. Check <see cref="WhyUnusable"/> before use.</returns>
    /// <exception cref="DatabaseException">No maintenance database accepts the connection.</exception>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The caller disposes of it.")]
    public static async Task<ScratchServer?> TryOpenAsync(DirectServer server, ILogger logger, CancellationToken cancellationToken)
    {
        var connection = await OpenMaintenanceAsync(server, cancellationToken);
        var scratch = new ScratchServer(server, connection, logger);
        try
        {
            scratch.WhyUnusable = server.WhyBehindPooler(await DumpQueries.ReadIdentityAsync(connection, cancellationToken));
            if (scratch.WhyUnusable is not null)
            {
                return scratch; // behind a pooler, the connection would keep the lock for its next client
            }

            await using var command = new NpgsqlCommand("select pg_try_advisory_lock($1, hashtext($2))", connection)
            {
                Parameters = { new() { Value = LockClass }, new() { Value = server.Target.Database } },
            };
            if ((bool)(await command.ExecuteScalarAsync(cancellationToken))!)
            {
                await scratch.RemoveOrphansAsync(cancellationToken);
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

    /// <summary>Creates an empty database to which only its owner may connect.</summary>
    /// <param name="properties">The text after the name in <c>create database</c>.</param>
    /// <returns>The name of the database.</returns>
    /// <exception cref="PostgresException">The server refused.</exception>
    public async Task<string> CreateAsync(string properties, CancellationToken cancellationToken)
    {
        var name = _names.New();
        await ExecuteAsync($"create database {SqlNames.Quote(name)} {properties}", cancellationToken);
        await ExecuteAsync($"revoke all on database {SqlNames.Quote(name)} from public", cancellationToken);
        return name;
    }

    /// <summary>Drops a scratch database, its sessions and its roles. A failure is only logged, because the next run drops it.</summary>
    /// <param name="stop">When canceled, <see cref="LongestDropOnceStopped"/> is left.</param>
    /// <param name="roles">More roles to drop, members before their parents; null: none.</param>
    public async Task DropAsync(string name, CancellationToken stop, IReadOnlyList<string>? roles = null)
    {
        using var limit = new CancellationTokenSource(LongestDrop);
        await using var hurry = stop.Register(() => limit.CancelAfter(LongestDropOnceStopped));
        try
        {
            await RemoveAsync(name, limit.Token, roles).WaitAsync(limit.Token);
        }
        catch (Exception failure)
            when (IsAboutConnection(failure) && Connection.State != ConnectionState.Open && !limit.IsCancellationRequested)
        {
            await DropOverNewConnectionAsync(name, roles, limit.Token); // a firewall may have dropped a connection that was idle for long
        }
        catch (Exception failure) when (failure is OperationCanceledException || IsAboutConnection(failure))
        {
            _logger.ScratchLeft(name, failure.Message);
        }
    }

    /// <summary>
    /// Starts to drop a scratch database, and returns immediately, because a drop waits for a checkpoint. Disposal waits for the drop.
    /// </summary>
    public void DropMeanwhile(string name, CancellationToken stop) => _drops = Task.WhenAll(_drops, DropAsync(name, stop));

    private async Task DropOverNewConnectionAsync(string name, IReadOnlyList<string>? roles, CancellationToken cancellationToken)
    {
        try
        {
            await using var another = new ScratchServer(_server, await OpenMaintenanceAsync(_server, cancellationToken), _logger);
            await another.RemoveAsync(name, cancellationToken, roles);
        }
        catch (Exception failure) when (failure is OperationCanceledException || IsAboutConnection(failure))
        {
            _logger.ScratchLeft(name, failure.Message);
        }
    }

    /// <summary>Runs a statement once all earlier ones on this connection have ended.</summary>
    /// <exception cref="PostgresException">The server refused.</exception>
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

    /// <summary>Whether a database could not be created because the server lacks its locale or its locale provider.</summary>
    public static bool IsAboutLocale(Exception exception) => exception is PostgresException
    {
        SqlState: PostgresErrorCodes.WrongObjectType or PostgresErrorCodes.InvalidParameterValue
            or PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.SyntaxError,
    };

    public async ValueTask DisposeAsync()
    {
        await _drops;
        await LogtoDatabase.CloseAsync(Connection);
        _turn.Dispose();
    }

    /// <summary>Opens another connection to the same maintenance database. The caller disposes of it.</summary>
    public async Task<NpgsqlConnection> OpenAnotherAsync(CancellationToken cancellationToken)
    {
        await using var maintenance = _server.DatabaseNamed(Connection.Database);
        return await maintenance.RetryAsync(maintenance.OpenForWorkAsync, cancellationToken);
    }

    /// <summary>
    /// Connects to the database <c>postgres</c>. If that is closed, or if it is Logto's database, which a session in it could not rename,
    /// it connects to <c>template1</c>, which every server has.
    /// </summary>
    private static async Task<NpgsqlConnection> OpenMaintenanceAsync(DirectServer server, CancellationToken cancellationToken)
    {
        await using var usual = server.DatabaseNamed(
            server.IsLogtos(DatabaseCreation.MaintenanceDatabase) ? "template1" : DatabaseCreation.MaintenanceDatabase);
        await using var template = server.DatabaseNamed("template1");
        return await server.Database.RetryAsync(
            async token =>
            {
                try
                {
                    return await usual.OpenForWorkAsync(token);
                }
                catch (DatabaseException closed) when (IsClosed(closed))
                {
                    return await template.OpenForWorkAsync(token);
                }
            },
            cancellationToken);
    }

    /// <summary>Whether the server refused this database, because it is missing, closed, or not allowed for this user.</summary>
    private static bool IsClosed(DatabaseException refusal) => refusal.InnerException is PostgresException
    {
        SqlState: not (PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.TooManyConnections),
    };

    private static bool IsAboutConnection(Exception failure) =>
        failure is InvalidOperationException || DatabaseException.From(failure) is not null;

    /// <summary>Drops the database, and then its roles, because PostgreSQL does not drop a role that has rights in a database.</summary>
    private async Task RemoveAsync(string name, CancellationToken cancellationToken, IReadOnlyList<string>? made = null)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                await ExecuteAsync($"drop database if exists {SqlNames.Quote(name)} with (force)", cancellationToken);
                break;
            }
            catch (PostgresException template) when (template.SqlState == PostgresErrorCodes.WrongObjectType && tries < DropTries)
            {
                await ExecuteAsync($"alter database {SqlNames.Quote(name)} is_template false", cancellationToken); // a dump can set it
            }
            catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ObjectInUse && tries < DropTries)
            {
                // The server gives terminated sessions five seconds, which an overloaded machine may exceed. Try again.
            }
        }

        IEnumerable<string> roles =
        [
            .. await ReadNamesAsync(Roles, LogtoNames.RolePrefix + name, cancellationToken),
            .. await ReadNamesAsync(MarkedRoles, ScratchNames.MarkOf(name), cancellationToken),
            .. made ?? [],
        ];
        foreach (var role in roles)
        {
            await ExecuteAsync($"drop role if exists {SqlNames.Quote(role)}", cancellationToken);
        }
    }

    private async Task RemoveOrphansAsync(CancellationToken cancellationToken)
    {
        var databases = await ReadNamesAsync(Databases, _names.Prefix, cancellationToken);
        var roles = await ReadNamesAsync(Roles, LogtoNames.RolePrefix + _names.Prefix, cancellationToken);
        var marks = await ReadNamesAsync(Marks, ScratchNames.MarkOf(_names.Prefix), cancellationToken);
        foreach (var name in databases.Concat(roles.Select(_names.OfRole).OfType<string>()).Concat(marks).Distinct().Where(_names.IsOurs))
        {
            try
            {
                await RemoveAsync(name, cancellationToken);
                _logger.RemovedScratch(name);
            }
            catch (PostgresException refusal)
            {
                _logger.ScratchLeft(name, refusal.MessageText); // for example, because a superuser is connected
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
