using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// A server without a pooler, for backups, restores and copies. Reason: <c>pg_dump</c> would leave an empty search_path on a pooler's
/// connection, and a running Logto would find no tables. It is the server of <c>LOGTO_INIT_DIRECT_URL</c> or <c>DB_URL</c>, or for scratch
/// databases that of <c>LOGTO_INIT_SCRATCH_URL</c>.
/// </summary>
internal sealed class DirectServer(ServerTarget target, ProgramSettings settings, ILogger logger) : IAsyncDisposable
{
    /// <summary>The address, the user and Logto's database.</summary>
    public ServerTarget Target => target;

    /// <summary>Logto's database on this server.</summary>
    public LogtoDatabase Database { get; } = new(target, settings.ConnectTimeout, logger);

    /// <summary>Returns another database of the server. The caller disposes of it.</summary>
    public LogtoDatabase DatabaseNamed(string name) => DatabaseAt(target.Named(name));

    /// <summary>Whether this is the name of Logto's database.</summary>
    public bool IsLogtos(string database) => settings.Main.Database == database;

    /// <summary>Returns a database of the server with other settings. The caller disposes of it.</summary>
    public LogtoDatabase DatabaseAt(ServerTarget target) => new(target, settings.ConnectTimeout, logger);

    /// <summary>Examines the server before a dump.</summary>
    /// <param name="logtos">The database through <c>DB_URL</c>.</param>
    /// <param name="leavesOut">Whether the dump leaves out the object of a qualified name; null: it leaves out nothing.</param>
    /// <returns>The server, and a clause for the operator if it cannot be dumped; null if it can.</returns>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public Task<(ServerIdentity Identity, string? Problem)> ExamineAsync(
        LogtoDatabase logtos, Func<string, bool>? leavesOut, CancellationToken cancellationToken) =>
        Database.WithConnectionAsync(
            async (connection, token) =>
            {
                var identity = await DumpQueries.ReadIdentityAsync(connection, token);
                var undumpable = await DumpQueries.ReadUndumpableAsync(connection, token);
                var problem = await WhyElsewhereAsync(identity, connection, logtos, token)
                    ?? Describe([.. undumpable.Where(each => leavesOut?.Invoke(each) != true)]);
                return (identity, problem);
            },
            cancellationToken);

    /// <summary>Checks that no pooler answers, and that both URLs lead to the same database.</summary>
    /// <returns>Null when that is so; otherwise a clause for the operator.</returns>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public Task<string?> WhyElsewhereAsync(LogtoDatabase logtos, CancellationToken cancellationToken) =>
        Database.WithConnectionAsync(
            async (connection, token) =>
                await WhyElsewhereAsync(await DumpQueries.ReadIdentityAsync(connection, token), connection, logtos, token),
            cancellationToken);

    /// <returns>Null without a pooler; otherwise a clause for the operator.</returns>
    public string? WhyBehindPooler(ServerIdentity identity) => identity.BehindPooler
        ? $"a connection pooler answers at {target.Host}:{target.Port}, and this needs the server itself, because its settings would " +
            "stay on connections of a running Logto. Next: set LOGTO_INIT_DIRECT_URL to a database URL of the server itself"
        : null;

    private async Task<string?> WhyElsewhereAsync(
        ServerIdentity identity, NpgsqlConnection direct, LogtoDatabase logtos, CancellationToken cancellationToken)
    {
        if (identity.BehindPooler || settings.Direct is null)
        {
            return WhyBehindPooler(identity);
        }

        var isSame = await logtos.WithConnectionAsync(
            (connection, token) => DumpQueries.IsTheSameAsync(connection, direct, token), cancellationToken);
        return isSame
            ? null
            : $"LOGTO_INIT_DIRECT_URL reaches another database of this name (at {target.Host}:{target.Port}) than DB_URL does; " +
                "correct it";
    }

    private string? Describe(IReadOnlyList<string> undumpable)
    {
        if (undumpable.Count == 0)
        {
            return null;
        }

        const int Few = 5;
        var more = undumpable.Count > Few ? $" and {undumpable.Count - Few} more" : "";
        return $"user '{target.User}' cannot dump all of the database: {string.Join(", ", undumpable.Take(Few))}{more}; " +
            "grant what is missing (`grant pg_read_all_data to …`, or ownership where row-level security is in the way), " +
            "or move what is not Logto's to another database";
    }

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}
