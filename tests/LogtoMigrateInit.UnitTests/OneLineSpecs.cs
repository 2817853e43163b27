using LogtoMigrateInit.Reporting;
using Serilog;
using Serilog.Formatting.Display;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class OneLineSpecs
{
    [Theory]
    [InlineData("plain, grüße, 密码, 😀 and ' \" \\", "plain, grüße, 密码, 😀 and ' \" \\")]
    [InlineData("a\nb\r\u001b[2K\0", @"a\u000ab\u000d\u001b[2K\u0000")]
    [InlineData("\u007f\u0085\u009b\u2028\u2029", @"\u007f\u0085\u009b\u2028\u2029")]
    [InlineData("\u061c\u200e\u202e\u2066\u2069\ufeff\u200b", @"\u061c\u200e\u202e\u2066\u2069\ufeff\u200b")]
    [InlineData("\U000e0041 of another plane", @"\udb40\udc41 of another plane")]
    public void What_cannot_be_seen_is_written_out(string text, string expected) => Assert.Equal(expected, OneLine.Escape(text));

    [Fact] // An attribute cannot hold half a character.
    public void Half_a_character_is_written_out() =>
        Assert.Equal(@"half \ufffd of a pair\ufffd and a whole one 😀", OneLine.Escape("half \ud83d of a pair\ude00 and a whole one 😀"));

    [Fact]
    public void Lines_of_an_exception_cannot_be_taken_for_lines_of_the_log()
    {
        using var output = new StringWriter();
        using (var logger = new LoggerConfiguration().WriteTo.Sink(new Written(output)).CreateLogger())
        {
            logger.Error(new InvalidOperationException("a\n2026-01-01T00:00:00.000Z INF The schema matches\r"), "Unexpected error");
        }

        Assert.Equal(
            ["ERR Unexpected error", "    System.InvalidOperationException: a", @"    2026-01-01T00:00:00.000Z INF The schema matches\u000d"],
            output.ToString().TrimEnd('\n').Split('\n'));
    }

    private sealed class Written(TextWriter output) : Serilog.Core.ILogEventSink
    {
        private readonly OneLineFormatter _formatter = new(new MessageTemplateTextFormatter("{Level:u3} {Message:lj}"), exceptions: true);

        public void Emit(Serilog.Events.LogEvent logEvent) => _formatter.Format(logEvent, output);
    }
}
