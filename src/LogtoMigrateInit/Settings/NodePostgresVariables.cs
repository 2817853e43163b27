using System.Globalization;

namespace LogtoMigrateInit.Settings;

/// <summary>
/// Reads the parts of a connection that <c>DB_URL</c> does not have from node-postgres's variables (<c>pg/lib/connection-parameters.js</c>,
/// <c>pg/lib/defaults.js</c>). An empty variable counts as unset.
/// </summary>
/// <param name="environment">Names and values of the process's environment.</param>
/// <param name="logtoDirectory">Logto's working folder, the base of relative file names.</param>
/// <param name="problems">Receives one sentence for each problem. Each begins with the variable's name.</param>
internal sealed class NodePostgresVariables(IReadOnlyDictionary<string, string> environment, string logtoDirectory, List<string> problems)
{
    private const int DefaultPort = 5432;

    /// <summary>The name of a password file that exists but is not used, and the reason; null when there is none.</summary>
    public string? IgnoredPasswordFile { get; private set; }

    /// <summary>Returns the server and the user of a connection.</summary>
    /// <param name="url">Null when the URL could not be read.</param>
    public (string Host, int Port, string User) Complete(DatabaseUrl? url)
    {
        var host = url?.Host ?? environment.Optional("PGHOST") ?? "localhost";
        if (url?.Host is null && !host.StartsWith('/') && host.IndexOfAny([':', ',']) >= 0)
        {
            problems.Add($"PGHOST is {EnvironmentText.Shown(host)}; it takes one host name, and the port belongs into PGPORT");
        }

        var user = url?.User ?? environment.Optional("PGUSER") ?? environment.Optional("USER") ?? "";
        if (url is not null && user.Length == 0)
        {
            problems.Add(
                $"{Variables.DatabaseUrl.Name} names no user, and neither PGUSER nor USER is set; " +
                "write postgresql://user:password@host:5432/database");
        }

        return (host, url?.Port ?? ReadPort(), user);
    }

    /// <returns>Null when no password is configured.</returns>
    public string? ReadPassword(DatabaseUrl? url, (string Host, int Port, string User) address)
    {
        if (url is null || url.Password is not null || environment.ContainsKey("PGPASSWORD"))
        {
            return url?.Password ?? environment.Optional("PGPASSWORD");
        }

        var file = PasswordFile.Locate(environment, logtoDirectory);
        var password = PasswordFile.Find(file, (address.Host, address.Port, url.Database, address.User), out var ignored);
        IgnoredPasswordFile = ignored is null ? null : $"{file}: {ignored}";
        return password;
    }

    /// <summary>Reads <c>PGSSLNEGOTIATION</c>. node-postgres accepts two values, and <c>direct</c> only with TLS.</summary>
    public bool ReadDirectTls(DatabaseUrl? url)
    {
        const string Name = "PGSSLNEGOTIATION";
        var text = environment.Optional(Name);
        if (text is not (null or "postgres" or "direct"))
        {
            problems.Add($"{Name} is {EnvironmentText.Shown(text)}; it takes postgres or direct");
        }

        var direct = text == "direct";
        if (direct && url is { Tls: TlsMode.Off })
        {
            problems.Add($"{Name} is direct, and DB_URL asks for no TLS; add sslmode=require to DB_URL, or unset {Name}");
        }

        return direct;
    }

    private int ReadPort()
    {
        var text = environment.Optional("PGPORT");
        if (text is null)
        {
            return DefaultPort;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= ushort.MaxValue)
        {
            return port;
        }

        problems.Add($"PGPORT is {EnvironmentText.Shown(text)}; it takes a port number from 1 to 65535");
        return DefaultPort;
    }
}
