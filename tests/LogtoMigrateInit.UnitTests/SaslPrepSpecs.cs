using LogtoMigrateInit.Configuration;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>One case for each rule of RFC 4013; that all of Unicode is as PostgreSQL has it, the integration tests ask a server.</summary>
public sealed class SaslPrepSpecs
{
    [Theory]
    [InlineData("I\u00ADX", "IX")] // the RFC's own examples
    [InlineData("user", "user")]
    [InlineData("USER", "USER")]
    [InlineData("\u00AA", "a")]
    [InlineData("\u2168", "IX")]
    [InlineData("a\u00A0b\u1680c\u2003d\u200Be\u202Ff\u205Fg\u3000h", "a b c d e f g h")]
    [InlineData("x\u034F\u1806\u180B\u200C\u200D\u2060\uFE0F\uFEFFy", "xy")]
    [InlineData("m²", "m2")]
    [InlineData("µg", "\u03BCg")]
    [InlineData("wait…", "wait...")]
    [InlineData("ＡＢＣ", "ABC")]
    [InlineData("½", "1\u20442")]
    [InlineData("ﬁ", "fi")]
    public void What_stands_for_something_else_is_replaced(string password, string prepared) => Assert.Equal(prepared, SaslPrep.Prepare(password));

    [Theory]
    [InlineData("caf\u0065\u0301", "caf\u00E9")]
    [InlineData("\u01D5", "\u01D5")]
    [InlineData("U\u0308\u0304", "\u01D5")]
    [InlineData("a\u0323\u0307", "\u1EA1\u0307")] // below and above, in canonical order
    [InlineData("a\u0307\u0323", "\u1EA1\u0307")] // and in the other
    [InlineData("a\u0302\u0301\u0302", "\u1EA5\u0302")]
    [InlineData("a\u0302b\u0301", "\u00E2b\u0301")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("\u0915\u093C", "\u0915\u093C")] // excluded from composition
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\u1112\u1161\u11AB", "\uD55C")] // Hangul
    [InlineData("\u1112\u1161", "\uD558")]
    [InlineData("\uD558\u11AB", "\uD55C")]
    [InlineData("\uD55C\u11AB", "\uD55C\u11AB")]
    [InlineData("\uFFA1\uFFC2", "\uAC00")] // half width
    [InlineData("\U0001D400", "A")]
    [InlineData("\U0002F800", "\u4E3D")]
    public void Letters_and_their_marks_come_together(string password, string prepared) => Assert.Equal(prepared, SaslPrep.Prepare(password));

    [Theory]
    [InlineData("m²\t")] // control, ASCII
    [InlineData("m²\u0085")] // control, others
    [InlineData("m²\u06DD")]
    [InlineData("m²\uE000")] // private use
    [InlineData("m²\uFDD0")] // no character
    [InlineData("m²\uFFFD")] // not for plain text
    [InlineData("m²\u2FF0")] // not for canonical representation
    [InlineData("m²\u0340")] // changes display
    [InlineData("m²\u202A")]
    [InlineData("m²\U000E0041")] // tags
    [InlineData("m²\u0221")] // not assigned in Unicode 3.2, but since
    [InlineData("m²😀\U0001F600")]
    [InlineData("\u00AD")] // nothing would be left
    public void What_the_RFC_refuses_stays_as_it_is(string password) => Assert.Equal(password, SaslPrep.Prepare(password));

    [Theory]
    [InlineData("\u0627\u00AA", false)] // both directions
    [InlineData("\u0627\u00B9", false)] // begins and does not end right to left
    [InlineData("\u00B9\u0627", false)]
    [InlineData("\u0627\u00B9\u0628", true)]
    [InlineData("\u05D0\u00B2\u05D0", true)]
    public void Right_to_left_text_stands_alone_and_at_both_ends(string password, bool isPrepared) =>
        Assert.Equal(isPrepared, SaslPrep.Prepare(password) != password);

    [Theory]
    [InlineData("")]
    [InlineData("p@ss/word%?")]
    [InlineData("tab\tand\u007F")] // PostgreSQL looks at nothing in a password of ASCII
    public void ASCII_is_its_own_form(string password) => Assert.Same(password, SaslPrep.Prepare(password));
}
