using System.Globalization;
using System.Text.RegularExpressions;
using LogtoMigrateInit.Configuration;
using LogtoMigrateInit.Endings;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The README's tables are the contract; the code keeps it.</summary>
public sealed partial class ReadmeSpecs
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(Checkout.Root, "README.md"));

    [Fact]
    public void The_table_of_variables_and_the_code_agree() =>
        Assert.Equal(
            Variables.All.Select(variable => (variable.Name, variable.Default)),
            VariableRow().Matches(Readme).Select(row => (row.Groups[1].Value, row.Groups[2].Value)));

    [Fact]
    public void The_table_of_exit_codes_and_the_code_agree() =>
        Assert.Equal(
            Enum.GetValues<ExitCode>().Select(code => (int)code),
            ExitCodeRow().Matches(Readme).SelectMany(row => row.Groups[1].Value.Split(", ")).Select(code => int.Parse(code, CultureInfo.InvariantCulture)));

    [GeneratedRegex(@"^\| `(DB_URL\w*|LOGTO_INIT_\w+)` \| (?:`([^`]*)`)? *\|", RegexOptions.Multiline)]
    private static partial Regex VariableRow();

    [GeneratedRegex(@"^\| ([0-9]+(?:, [0-9]+)*) \|", RegexOptions.Multiline)]
    private static partial Regex ExitCodeRow();
}
