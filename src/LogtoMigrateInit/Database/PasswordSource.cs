using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>
/// Opens connections to one database with the password in the form that the server's method wants: prepared for SCRAM, as it is for
/// every other (as libpq does). Npgsql asks for the password without telling the method, so where the forms differ the first try
/// admits SCRAM alone, and what a server that asks otherwise gets is a second connection, not a wrong password.
/// </summary>
internal sealed class PasswordSource(NpgsqlSlimDataSourceBuilder builder, string? password, string? scramPassword) : IAsyncDisposable
{
    /// <summary>All that Npgsql knows, named, because without a value it would read <c>PGREQUIREAUTH</c>, which Logto does not.</summary>
    private const string AnyMethod = "Password,MD5,GSS,SSPI,ScramSHA256,None";

    private const string ScramOrNothing = "ScramSHA256,None";

    private readonly NpgsqlDataSource _asItIs = Build(builder, password, AnyMethod);
    private readonly NpgsqlDataSource? _prepared = scramPassword == password ? null : Build(builder, scramPassword, ScramOrNothing);
    private bool _serverAsksOtherwise;

    public async ValueTask<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (_prepared is not null && !_serverAsksOtherwise)
        {
            try
            {
                return await _prepared.OpenConnectionAsync(cancellationToken);
            }
            catch (NpgsqlException refusal) when (refusal.Message.Contains("authentication method is not allowed", StringComparison.Ordinal))
            {
                _serverAsksOtherwise = true;
            }
        }

        return await _asItIs.OpenConnectionAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _asItIs.DisposeAsync();
        if (_prepared is not null)
        {
            await _prepared.DisposeAsync();
        }
    }

    private static NpgsqlDataSource Build(NpgsqlSlimDataSourceBuilder builder, string? password, string methods)
    {
        builder.ConnectionStringBuilder.Password = password;
        builder.ConnectionStringBuilder.RequireAuth = methods;
        return builder.Build();
    }
}
