using LogtoMigrateInit.Database;
using LogtoMigrateInit.Reporting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace LogtoMigrateInit.Migration;

/// <summary>
/// Looks at what the sessions of the migration wait for, and names it once. Watching is a comfort: a server that we cannot reach now
/// must not end a deploy that has its connection.
/// </summary>
/// <param name="database">Where the sessions are.</param>
/// <param name="name">The sessions' <c>application_name</c>.</param>
/// <param name="logger">Names the blockers.</param>
internal sealed class SessionWatch(LogtoDatabase database, string name, ILogger logger) : IAsyncDisposable
{
    /// <summary>The pause between two looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);

    private readonly HashSet<int> _reported = [];

    /// <summary>Kept from look to look, for a new one costs the server a process; idle and outside of a transaction it holds nothing.</summary>
    private NpgsqlConnection? _connection;

    /// <summary>Names the sessions that block those watched, each once.</summary>
    /// <returns>What the watched sessions do; null when the server did not tell.</returns>
    public async Task<SessionActivity?> ReportBlockersAsync()
    {
        using var brief = new CancellationTokenSource(LongestLook);
        try
        {
            return await LookAsync(brief.Token).WaitAsync(brief.Token);
        }
        catch (Exception failure) when (failure is OperationCanceledException || DatabaseException.From(failure) is not null)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await LogtoDatabase.CloseAsync(_connection);
        }
    }

    private async Task<SessionActivity> LookAsync(CancellationToken cancellationToken)
    {
        var connection = _connection ?? await database.OpenAsync(cancellationToken);
        _connection = null; // comes back only when it has answered
        try
        {
            foreach (var blocker in await SessionQueries.FindBlockersAsync(connection, name, cancellationToken))
            {
                if (_reported.Add(blocker.Pid))
                {
                    logger.Blocked($"{blocker}", blocker.Query, blocker.Pid);
                }
            }

            var activity = await SessionQueries.ReadActivityAsync(connection, name, cancellationToken);
            cancellationToken.ThrowIfCancellationRequested(); // nobody waits for this look any more, and the next may have begun
            _connection = connection;
            return activity;
        }
        finally
        {
            if (_connection != connection)
            {
                await connection.DisposeAsync();
            }
        }
    }
}
