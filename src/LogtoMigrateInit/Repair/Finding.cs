using LogtoMigrateInit.Inspections;

namespace LogtoMigrateInit.Repair;

/// <summary>Who repairs a finding.</summary>
internal enum RepairBy
{
    /// <summary>The command repairs it, after a question or with <c>--yes</c>. The SQL deletes nothing of the operator's.</summary>
    Command,

    /// <summary>The command repairs it with <c>--trim-signing-keys</c>, after a backup.</summary>
    CommandAfterBackup,

    /// <summary>The operator repairs it. The command only prints the SQL, if it has some.</summary>
    Operator,
}

/// <summary>One fault, and the SQL that repairs it.</summary>
/// <param name="What">A clause for the operator, without SQL except names.</param>
/// <param name="Sql">One or several statements on one line, or a function on several; null when there is none.</param>
internal sealed record Finding(string What, RepairBy By, string? Sql)
{
    /// <summary>The role that must also get the password of its row in <c>tenants</c>; null: none.</summary>
    public string? PasswordOf { get; init; }

    /// <summary>Why the command does not repair it, or a note for the operator; null: none.</summary>
    public string? Why { get; init; }

    /// <summary>The kind and the name of an object that differs; empty for other findings.</summary>
    public (string Kind, string Name) Of { get; init; } = ("", "");

    /// <summary>Whether the SQL cannot run in a transaction.</summary>
    public bool IsConcurrent => Of.Kind == "index";

    /// <summary>
    /// The SQL as an operator can run it. It contains no password, because the server copies the password from the table to the role.
    /// </summary>
    public string? Text => PasswordOf is null ? Sql
        : $"{(Sql is null ? "" : $"{Sql}; ")}{TenantRolesSql.SetPasswords([PasswordOf])}";
}
