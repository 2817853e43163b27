using System.Net;
using System.Text;
using LogtoMigrateInit.Settings;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Connects to Logto's database as Logto does: same address, user, password, trust and options. Every field is set here,
/// because Npgsql's own defaults and environment differ from node-postgres's.
/// </summary>
internal sealed class LogtoDatabase(ServerTarget target, TimeSpan connectTimeout, ILogger logger) : IAsyncDisposable
{
    /// <summary>All methods that Npgsql knows: without a value it would read <c>PGREQUIREAUTH</c>, which Logto does not.</summary>
    private const string EveryMethod = "Password,MD5,GSS,SSPI,ScramSHA256,None";

    /// <summary>pg 8.8.0 and 8.11.3, which all images of Logto up to 1.43 carry, send it raw; libpq and the server prepare it.</summary>
    private const string UseAsciiPassword =
        "give the role a password of ASCII letters and digits: PostgreSQL keeps this one in a prepared form (SASLprep, NFKC), and " +
        "Logto's driver sends it raw";

    // A setting lasts as long as the connection. Through a pooler it would stay on one that other clients use later.
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

    /// <summary>Where it connects, and as whom.</summary>
    public ServerTarget Target => target;

    private NpgsqlDataSource Source => _source ??= CreateSource(target.Database, target.User, target.Password);

    /// <summary>Opens a connection, lets <paramref name="use"/> work with it and closes it; starts again where waiting may help.</summary>
    /// <exception cref="DatabaseException">It refused us, or was not reached within the connect time-out.</exception>
    public Task<T> WithConnectionAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> use, CancellationToken cancellationToken) =>
        UseAsync(OpenAsync, use, cancellationToken);

    /// <summary>Does so over a connection for our own work; see <see cref="OpenForWorkAsync(CancellationToken)"/>.</summary>
    /// <exception cref="DatabaseException">It refused us, or was not reached within the connect time-out.</exception>
    public Task<T> WithWorkConnectionAsync<T>(
        Func<NpgsqlConnection, CancellationToken, Task<T>> use, CancellationToken cancellationToken) =>
        UseAsync(OpenForWorkAsync, use, cancellationToken);

    /// <summary>Does so as another user.</summary>
    /// <exception cref="DatabaseException">It refused that user, or was not reached within the connect time-out.</exception>
    public async Task<T> WithConnectionAsync<T>(
        string user,
        string? password,
        Func<NpgsqlConnection, CancellationToken, Task<T>> use,
        CancellationToken cancellationToken)
    {
        await using var source = CreateSource(target.Database, user, password);
        return await UseAsync(token => OpenAsync(source, token), use, cancellationToken);
    }

    /// <summary>Does our own work in another database of the server.</summary>
    /// <exception cref="DatabaseException">It refused us, or was not reached within the connect time-out.</exception>
    public async Task<T> WithWorkConnectionAsync<T>(
        string database, Func<NpgsqlConnection, CancellationToken, Task<T>> use, CancellationToken cancellationToken)
    {
        await using var source = CreateSource(database, target.User, target.Password);
        return await UseAsync(token => OpenForWorkAsync(source, null, token), use, cancellationToken);
    }

    /// <summary>Starts again where waiting may help; see <see cref="ServerWait"/>.</summary>
    /// <exception cref="DatabaseException">The database refused us, or was not reached in time.</exception>
    public Task<T> RetryAsync<T>(Func<CancellationToken, Task<T>> attempt, CancellationToken cancellationToken) =>
        new ServerWait(target, connectTimeout, logger).RunAsync(attempt, cancellationToken);

    /// <summary>Opens one connection, at the first try or not at all; the caller closes it.</summary>
    /// <exception cref="DatabaseException">The connection failed.</exception>
    public Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) =>
        OpenAsync(Source, cancellationToken);

    /// <summary>
    /// Opens one connection for our own work, without the limits that a role, a database or <c>PGOPTIONS</c> sets. The caller closes it.
    /// </summary>
    /// <exception cref="DatabaseException">The connection failed.</exception>
    public Task<NpgsqlConnection> OpenForWorkAsync(CancellationToken cancellationToken) =>
        OpenForWorkAsync(null, cancellationToken);

    /// <summary>Does so with a <c>search_path</c>; null keeps Logto's.</summary>
    /// <exception cref="DatabaseException">The connection failed.</exception>
    public Task<NpgsqlConnection> OpenForWorkAsync(string? searchPath, CancellationToken cancellationToken) =>
        OpenForWorkAsync(Source, searchPath, cancellationToken);

    /// <summary>The address of all interfaces reaches this machine; .NET and libpq refuse to connect to it, Node.js does not.</summary>
    public static string Reachable(string host) =>
        IPAddress.TryParse(host, out var address) && address.Equals(IPAddress.Any) ? $"{IPAddress.Loopback}" : host;

    /// <summary>Closes a connection that may be broken or half open.</summary>
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
            // A name too long for DNS, for a socket, or for the packet that names user and database; 0.0.0.0 by another name.
            throw new DatabaseException(
                DatabaseFailure.Never,
                $"nothing can be connected with this host, user and database: {odd.Message.TrimEnd('.')}",
                "correct them in DB_URL (or PGHOST and PGUSER)",
                odd);
        }
    }

    private NpgsqlDataSource CreateSource(string database, string user, string? password)
    {
        // Npgsql reads it, and no setting of its own turns that off. Logto does not. What `run` starts still gets it.
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
                Passfile = "/dev/null", // read as Logto reads it, in PasswordFile
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
                CancellationTimeout = -1, // after a cancellation request, nothing is waited for
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
