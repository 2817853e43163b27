using System.Net;
using System.Text;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Connects to Logto's database like Logto: with the same address, user, password, trusted certificates and options. It sets all fields,
/// because Npgsql's defaults and variables differ from those of node-postgres.
/// </summary>
internal sealed class LogtoDatabase(ServerTarget target, TimeSpan connectTimeout, ILogger logger) : IAsyncDisposable
{
    /// <summary>
    /// All authentication methods of Npgsql. Without a value Npgsql would read <c>PGREQUIREAUTH</c>, which Logto ignores.
    /// </summary>
    private const string EveryMethod = "Password,MD5,GSS,SSPI,ScramSHA256,None";

    /// <summary>
    /// The advice for a password with other characters than ASCII. libpq and the server prepare such a password; pg 8.8.0 and 8.11.3, which
    /// all images of Logto up to 1.43 contain, do not.
    /// </summary>
    private const string UseAsciiPassword =
        "give the role a password of ASCII letters and digits: PostgreSQL keeps this one in a prepared form (SASLprep, NFKC), and " +
        "Logto's driver sends it raw";

    // The settings last as long as the connection. Behind a pooler nothing is set, because it would stay on a connection of other clients.
    private const string ResetSettings = """
        select pg_catalog.set_config(setting.name, setting.value, false)
        from (values
          ('statement_timeout', '0'),
          ('lock_timeout', '0'),
          ('transaction_timeout', '0'),
          ('idle_session_timeout', '0'),
          ('idle_in_transaction_session_timeout', '0'),
          ('default_transaction_read_only', 'off'),
          ('default_transaction_isolation', 'read committed'),
          ('row_security', 'off'),
          ('search_path', $2::text)) as setting (name, value)
        where setting.value is not null
          and pg_catalog.current_setting(setting.name, true) is not null
          and pg_catalog.pg_backend_pid() = $1
        """;

    private static readonly TimeSpan ConnectionAttempt = TimeSpan.FromSeconds(5);

    private readonly TlsTrust _trust = new(target);
    private NpgsqlDataSource? _source;

    /// <summary>The address, the user and the database.</summary>
    public ServerTarget Target => target;

    private NpgsqlDataSource Source => _source ??= CreateSource(target.Database, target.User, target.Password);

    /// <summary>
    /// Opens a connection, calls <paramref name="use"/>, and closes it. Repeats all that after failures that may be temporary.
    /// </summary>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached within the connect time-out.</exception>
    public Task<T> WithConnectionAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> use, CancellationToken cancellationToken) =>
        UseAsync(OpenAsync, use, cancellationToken);

    /// <summary>Does the same with a connection of <see cref="OpenForWorkAsync(CancellationToken)"/>.</summary>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached within the connect time-out.</exception>
    public Task<T> WithWorkConnectionAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> use, CancellationToken cancellationToken) =>
        UseAsync(OpenForWorkAsync, use, cancellationToken);

    /// <summary>Opens a connection as another user, calls <paramref name="use"/>, and closes it, with retries.</summary>
    /// <exception cref="DatabaseException">The database refused that user, or was not reached within the connect time-out.</exception>
    public async Task<T> WithConnectionAsync<T>(
        string user,
        string? password,
        Func<NpgsqlConnection, CancellationToken, Task<T>> use,
        CancellationToken cancellationToken)
    {
        await using var source = CreateSource(target.Database, user, password);
        return await UseAsync(token => OpenAsync(source, token), use, cancellationToken);
    }

    /// <summary>
    /// Opens a connection for work to another database of the server, calls <paramref name="use"/>, and closes it, with retries.
    /// </summary>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached within the connect time-out.</exception>
    public async Task<T> WithWorkConnectionAsync<T>(
        string database, Func<NpgsqlConnection, CancellationToken, Task<T>> use, CancellationToken cancellationToken)
    {
        await using var source = CreateSource(database, target.User, target.Password);
        return await UseAsync(token => OpenForWorkAsync(source, null, token), use, cancellationToken);
    }

    /// <summary>Repeats an attempt after failures that may be temporary; see <see cref="ServerWait"/>.</summary>
    /// <exception cref="DatabaseException">The database refused the program, or was not reached in time.</exception>
    public Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> attempt, CancellationToken cancellationToken) =>
        new ServerWait(target, connectTimeout, logger).RunAsync(attempt, cancellationToken);

    /// <summary>Opens a connection without retries. The caller closes it.</summary>
    /// <exception cref="DatabaseException">The connection failed.</exception>
    public Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) =>
        OpenAsync(Source, cancellationToken);

    /// <summary>
    /// Opens a connection for the program's own work, without the limits of the role, the database and <c>PGOPTIONS</c>. It does not retry.
    /// The caller closes the connection.
    /// </summary>
    /// <exception cref="DatabaseException">The connection failed.</exception>
    public Task<NpgsqlConnection> OpenForWorkAsync(CancellationToken cancellationToken) =>
        OpenForWorkAsync(null, cancellationToken);

    /// <summary>Opens a connection for the program's own work with a <c>search_path</c>; null keeps Logto's.</summary>
    /// <exception cref="DatabaseException">The connection failed.</exception>
    public Task<NpgsqlConnection> OpenForWorkAsync(string? searchPath, CancellationToken cancellationToken) =>
        OpenForWorkAsync(Source, searchPath, cancellationToken);

    /// <summary>
    /// Replaces the address of all interfaces by that of this machine. Reason: Node.js connects to the former, but .NET and libpq refuse
    /// it.
    /// </summary>
    public static string Reachable(string host) =>
        IPAddress.TryParse(host, out var address) && address.Equals(IPAddress.Any) ? $"{IPAddress.Loopback}" : host;

    /// <summary>
    /// Closes a connection that may be broken or half open. It waits two seconds at most, and ignores failures of the connection.
    /// </summary>
    public static async Task CloseAsync(NpgsqlConnection connection)
    {
        try
        {
            await connection.DisposeAsync().AsTask().WaitAsync(Timings.CleanUpStep);
        }
        catch (Exception broken) when (broken is TimeoutException or NpgsqlException or IOException)
        {
            // The server ends the session by itself.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_source is not null)
        {
            await _source.DisposeAsync();
        }
    }

    private Task<T> UseAsync<T>(
        Func<CancellationToken, Task<NpgsqlConnection>> open,
        Func<NpgsqlConnection, CancellationToken, Task<T>> use,
        CancellationToken cancellationToken) => RetryAsync(
            async token =>
            {
                await using var connection = await open(token);
                return await use(connection, token);
            },
            cancellationToken);

    private async Task<NpgsqlConnection> OpenForWorkAsync(
        NpgsqlDataSource source, string? searchPath, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(source, cancellationToken);
        try
        {
            await using var command = new NpgsqlCommand(ResetSettings, connection)
            {
                Parameters =
                {
                    new() { Value = connection.ProcessID },
                    new() { Value = (object?)searchPath ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                },
            };
            await command.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch (Exception exception)
        {
            await CloseAsync(connection);
            if (exception is not OperationCanceledException && DatabaseException.From(exception) is { } failure)
            {
                throw failure;
            }

            throw;
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        var attempt = _trust.BeginAttempt();
        try
        {
            return await source.OpenConnectionAsync(cancellationToken);
        }
        catch (Exception exception)
            when (exception is not OperationCanceledException && DatabaseException.From(exception) is { } failure)
        {
            throw attempt.Rejection is { } rejection
                ? DatabaseException.OfTls($"{rejection} (Logto's sslmode=require checks it)", exception)
                : exception is PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } && !Ascii.IsValid(target.Password)
                    ? new DatabaseException(DatabaseFailure.Never, failure.Message, UseAsciiPassword, exception)
                    : failure;
        }
        catch (Exception odd) when (odd is ArgumentException or InvalidOperationException || odd.GetType() == typeof(Exception))
        {
            // A name is too long for DNS, for a socket, or for the packet with the user and the database; or a host name means 0.0.0.0.
            throw new DatabaseException(
                DatabaseFailure.Never,
                $"nothing can be connected with this host, user and database: {odd.Message.TrimEnd('.')}",
                "correct them in DB_URL (or PGHOST and PGUSER)",
                odd);
        }
    }

    private NpgsqlDataSource CreateSource(string database, string user, string? password)
    {
        // Npgsql reads PGTZ and has no setting against that. Logto ignores PGTZ. The command of `run` still gets it.
        Environment.SetEnvironmentVariable("PGTZ", null);

        var builder = new NpgsqlSlimDataSourceBuilder
        {
            ConnectionStringBuilder =
            {
                Host = Reachable(target.Host),
                Port = target.Port,
                Username = user,
                Database = database,
                Password = password,
                Passfile = "/dev/null", // PasswordFile reads it as Logto does
                RequireAuth = EveryMethod,
                ApplicationName = SessionNames.Own,
                Options = target.PgOptions,
                SslMode = target.Tls == TlsMode.Off ? SslMode.Disable : SslMode.Require,
                SslNegotiation = target.DirectTls ? SslNegotiation.Direct : SslNegotiation.Postgres,
                GssEncryptionMode = GssEncryptionMode.Disable,
                ClientEncoding = "UTF8",
                TargetSessionAttributes = "any",
                Pooling = false,
                Enlist = false,
                TcpKeepAlive = true,
                Timeout = (int)ConnectionAttempt.TotalSeconds,
                CommandTimeout = 30,
                CancellationTimeout = -1, // after a cancellation request, do not wait for the server
            },
        };
        builder.EnableTransportSecurity();
        builder.ConfigureTypeLoading(types => types.EnableTypeLoading(false));
        if (builder.ConnectionStringBuilder.SslMode == SslMode.Require)
        {
            builder.UseSslClientAuthenticationOptionsCallback(_trust.Configure);
        }

        return builder.Build();
    }
}
