using System.CommandLine;

namespace LogtoMigrateInit.CommandLine;

/// <summary>The options for the format of a report: <c>--output FORMAT</c>, and <c>--json</c> for <c>--output json</c>.</summary>
internal sealed class OutputFormat
{
    public const string Json = "json";

    private readonly Option<string> _output;
    private readonly Option<bool> _json = new("--json");

    /// <param name="formats">The accepted formats. The first is the default.</param>
    public OutputFormat(params string[] formats)
    {
        _output = new Option<string>("--output") { DefaultValueFactory = _ => formats[0] };
        _output.CompletionSources.Add(formats);
        _output.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var format }] && !formats.Contains(format))
            {
                result.AddError($"'{format}' is no format of --output, which takes {string.Join(", ", formats[..^1])} or {formats[^1]}.");
            }
        });
    }

    public void AddTo(Command command)
    {
        command.Add(_output);
        command.Add(_json);
    }

    public string In(ParseResult parsed) => parsed.GetValue(_json) ? Json : parsed.GetValue(_output)!;
}
