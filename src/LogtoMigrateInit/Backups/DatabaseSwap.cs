using LogtoMigrateInit.Locking;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Scratch;
using Npgsql;

namespace LogtoMigrateInit.Backups;

/// <summary>The result of a swap. The cases: <see cref="Done"/>, <see cref="InUse"/>, <see cref="Unknown"/>.</summary>
internal abstract record SwapResult
{
    private SwapResult()
    {
    }

    /// <summary>The new database now has the name.</summary>
    public sealed record Done : SwapResult;

    /// <summary>Nothing was changed, because other sessions are connected. The list is empty when the user may not see them.</summary>
    public sealed record InUse(IReadOnlyList<ServerSession> Sessions) : SwapResult;

    /// <summary>The connection broke during the commit, so either database may have the name.</summary>
    public sealed record Unknown(string Reason) : SwapResult;
}

/// <summary>
/// Gives a new database the name of the old one, and the old one another name. One transaction contains both renames, so a database of the
/// name always exists. The first rename waits for connected sessions for five seconds, and accepts no new ones meanwhile
/// (<c>CountOtherDBBackends</c> in PostgreSQL's <c>procarray.c</c>).
/// </summary>
internal static class DatabaseSwap
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private const string IsRenaming = """
        select exists (
          select from pg_catalog.pg_locks
          where pid = $1
            and locktype = 'object'
            and classid = 'pg_database'::regclass
            and mode = 'AccessExclusiveLock'
            and granted)
        """;

    /// <param name="renamer">A connection to a third database, outside a transaction.</param>
    /// <param name="ender">Another such connection.</param>
    /// <param name="fresh">The present name of the new database.</param>
    /// <param name="name">The name for the new database.</param>
    /// <param name="former">The new name of the old database; null when there is no old database.</param>
    /// <param name="leave">Closes this run's sessions in the old database. It is called once the old database accepts no new ones.</param>
    /// <param name="endSessions">Whether to terminate other sessions in the old database.</param>
    /// <param name="last">Runs more statements on <paramref name="renamer"/> in the same transaction, after the renames.</param>
    /// <param name="cancellationToken">Undoes everything before the commit. The commit itself cannot be canceled.</param>
    /// <exception cref="NpgsqlException">The server refused, or a connection broke before the commit. Nothing was changed.</exception>
    /// <exception cref="DatabaseException"><paramref name="last"/> failed. Nothing was changed.</exception>
    // Over 40 lines: one transaction, with all results.
    public static async Task<SwapResult> RunAsync(
        NpgsqlConnection renamer,
        NpgsqlConnection ender,
        string fresh,
        string name,
        string? former,
        Func<Task> leave,
        bool endSessions,
        Func<NpgsqlConnection, Task> last,
        CancellationToken cancellationToken)
    {
        var committing = false;
        try
        {
            await ExecuteAsync(renamer, "begin read write", cancellationToken);
            if (former is not null)
            {
                var rename = $"alter database {SqlNames.Quote(name)} rename to {SqlNames.Quote(former)}";
                var renaming = ExecuteAsync(renamer, rename, cancellationToken);
                try
                {
                    await EmptyAsync(renaming, renamer.ProcessID, ender, name, leave, endSessions, cancellationToken);
                }
                finally
                {
                    await Task.WhenAny(renaming); // until then the connection accepts no other statement
                }

                await renaming;
            }

            await ExecuteAsync(renamer, $"alter database {SqlNames.Quote(fresh)} rename to {SqlNames.Quote(name)}", cancellationToken);
            await last(renamer);
            committing = true;
            await ExecuteAsync(renamer, "commit", CancellationToken.None);
            return new SwapResult.Done();
        }
        catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ObjectInUse && !committing)
        {
            await RollBackAsync(renamer);
            return new SwapResult.InUse(
            [
                .. await ClusterQueries.FindSessionsAsync(ender, name, [], cancellationToken),
                .. await ClusterQueries.FindSessionsAsync(ender, fresh, [], cancellationToken),
            ]);
        }
        catch when (!committing)
        {
            await RollBackAsync(renamer);
            throw;
        }
        catch (Exception broken) when (committing && DatabaseException.From(broken) is { } failure)
        {
            return new SwapResult.Unknown(failure.Message);
        }
    }

    /// <summary>Rolls back, so that the new database can be dropped. The driver may have closed the connection already.</summary>
    private static async Task RollBackAsync(NpgsqlConnection renamer)
    {
        try
        {
            await ExecuteAsync(renamer, "rollback", CancellationToken.None);
        }
        catch (Exception broken) when (broken is InvalidOperationException || DatabaseException.From(broken) is not null)
        {
            await renamer.CloseAsync();
        }
    }

    private static async Task EmptyAsync(
        Task renaming,
        int pid,
        NpgsqlConnection ender,
        string name,
        Func<Task> leave,
        bool endSessions,
        CancellationToken cancellationToken)
    {
        while (!renaming.IsCompleted && !await IsRenamingAsync(ender, pid, cancellationToken))
        {
            await Task.WhenAny(renaming, Task.Delay(Interval, cancellationToken));
        }

        await leave();
        while (endSessions && !renaming.IsCompleted)
        {
            await ClusterQueries.EndSessionsAsync(ender, name, cancellationToken);
            await Task.WhenAny(renaming, Task.Delay(Interval, cancellationToken));
        }
    }

    private static async Task<bool> IsRenamingAsync(NpgsqlConnection connection, int pid, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsRenaming, connection) { Parameters = { new() { Value = pid } } };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
