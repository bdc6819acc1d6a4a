//! Words that decide whether a capital letter makes a name.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Common given names of many countries, without those that are English words as well
/// (Mark, Rose, Will). They let a name at the start of a sentence be known for one.
static GIVEN: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "aaron abby abdul abigail abraham adam adrian ahmed aisha akira alan albert alberto alejandro alex \
     alexander alexandra alexis alfred ali alice alicia alina alison allison alyssa amanda amelia amina \
     amir amit amy ana anastasia andre andrea andreas andrei andrew angela angelina anika anil anita anja \
     ann anna anne annie anthony antoine anton antonio anya arjun arnold arthur ashley astrid audrey \
     austin ava barbara beatrice ben benjamin bernard beth betty beverly bianca bjorn bob bobby bradley \
     brandon brenda brian brianna bridget bruce bryan caitlin calvin cameron camila carl carla carlos \
     carmen carol carolina caroline carolyn catherine cathy cecilia cedric celine charles charlie \
     charlotte chen chiara chloe chris christian christina christine christopher cindy claire clara \
     clarence claudia cody colin connor conrad craig cynthia daniel daniela danielle danny darren dave \
     david deborah debra denise dennis derek diana diane diego dieter dmitri dmitry dominic donald donna \
     doris dorothy douglas duncan dylan eddie edgar edith eduardo edward edwin eileen elaine eleanor \
     elena eli elias elijah elisabeth elizabeth ella ellen elliot emil emily emma enrique eric erica erik \
     erika erin ernest esther ethan eugene eva evan evelyn fatima felipe felix fernando fiona florence \
     florian francesca francesco francis francisco francois franz fred frederick friedrich gabriel \
     gabriela gary geoffrey george gerald gerard gina giovanni giulia gloria gonzalo gordon greg gregory \
     greta guillermo gustav hannah hans harold harriet harry hassan heather hector heidi heinrich helen \
     helena helga henri henry herbert hiroshi howard hugo ian ibrahim ida igor ingrid irene isaac isabel \
     isabella isabelle ismail ivan jack jackson jacob jacqueline jake james jamie jane janet janice jared \
     jason javier jeff jeffrey jennifer jenny jeremy jerry jessica jessie jill jim jimmy joan joanna joe \
     joel johan johanna john johnny jon jonas jonathan jordan jorge jose josef joseph josh joshua juan \
     judith judy julia julian juliana julie juliet jurgen justin kaito karen karim karin karl katarina \
     kate katherine kathleen kathryn kathy katie katrina kayla keith kelly ken kenji kenneth kevin khalid \
     kiara kim kimberly klaus kristen kristin kyle lara larry lars laura lauren laurent leah leila lena \
     leo leon leonard leonardo leslie liam lily linda lisa liu liz logan lorenzo lori louis louisa louise \
     luca lucas lucia lucy luis luisa lukas luke lydia lynn madison magdalena mahmoud manuel marc marcel \
     marco marcos marcus margaret maria mariam marie marilyn marina mario marion marta martha martin \
     martina marvin mary maryam mateo mathias matt matteo matthew matthias maureen maurice max maya mei \
     mel melanie melissa mia michael michaela michel michelle miguel mika mike mikhail mila mildred minh \
     miriam mitchell mohamed mohammad mohammed moira molly mona monica monique morgan moritz muhammad \
     mustafa nadia nadine nancy naomi natalia natalie natasha nathan neha neil nguyen nicholas nick \
     nicolas nicole nigel nikhil nikita niklas nikolai nina noah noel nora norman oleg olga oliver olivia \
     omar oscar otto owen pablo pamela paolo patricia patrick paul paula pauline pedro peggy penelope \
     pete peter petra philip philippe phillip pierre pietro priya rachel rafael rahul raj rajesh ralph \
     ramon raphael raul ravi raymond rebecca renata ricardo richard rita robert roberta roberto robin \
     rodrigo roger roland romain ron ronald rosa rosemary roy russell ruth ryan sabine sabrina sachin \
     sally salma sam samantha samir samuel sandra sanjay santiago sara sarah sasha scott sean sebastian \
     serena sergei sergio seth shannon sharon shaun shawn sheila sherry shirley shreya simon simone sofia \
     sonia sophia sophie stacy stanley stefan stefano stella stephanie stephen steve steven stuart sunil \
     suresh susan suzanne sven svetlana sylvia takashi tamara tanya tara tatiana taylor ted teresa terry \
     theo theodore theresa thomas tiffany tim timothy tina tobias todd tom tomas tommy tony tracy trevor \
     tyler ulrich ursula valentina valerie vanessa vera veronica victor victoria vijay vikram vincent \
     virginia vivian vladimir walter wanda wayne wei wendy werner wilhelm william xavier yan yasmin \
     yolanda yuki yuri yusuf yvonne zach zachary zara zoe"
        .split_whitespace()
        .collect()
});

/// Words that often begin a sentence or stand with a capital letter, and name nobody.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "absolutely actually ah aha ahh ai already although always amazing another anyone anything anyway \
     apart apologies apparently apr april around ask assistant aug august aw awesome aww basically \
     beautiful best better big btw bye came check cheer cheers christmas clearly come congrats \
     congratulations cool couple currently dear dec december definitely despite dr easter even eventually \
     everybody everyone everything exactly excellent excited exciting fair feb february feel finally fine \
     first following found fri friday fyi get gimme give given glad go going gone gonna good goodbye \
     goodnight got gotcha gotta great guess guys ha haha happy hard hate hear heard hello help hence hey \
     hi hmm hope hoping huh imagine indeed instead interesting jan january jul july jun june keep kinda \
     knowing last lastly later like likewise listen live lol long look looks lots love loved lovely lucky \
     make makes many mar march may maybe mean meanwhile meet meeting met miss missed mon monday moreover \
     most mr mrs ms much music need never next nice nobody none nope normally nothing notice nov november \
     now obviously oct october oh ok okay omg one oops otherwise overall perfect perhaps please plus poor \
     pretty previously probably prof proud quick quite rather read really recently regarding remember \
     right sad said sat saturday saw says second see seems sell send sep sept september set several shame \
     show similarly simply sir someday somehow someone something sometimes soon sorry sounds spent start \
     stay still stop sun sunday sure surely sweet system take talk tell thank thanks therefore think \
     third thought three thu thurs thursday thus today together told tomorrow tonight took totally truly \
     try tue tues tuesday turn turns two ugh umm unfortunately unless use used user usually via visit \
     wait wanna want wanted watch way wed wednesday welcome well went whoa wish woah wonderful work \
     worked works would wow write wrong yay yea yeah yep yes yesterday yet yo yup"
        .split_whitespace()
        .collect()
});

/// Verbs whose subject is a person or an organisation.
static HUMAN_VERBS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "accepted adopted adores agreed announced asked attended became believes booked born bought called \
     celebrated completed decided dislikes earned enjoyed enjoys explained finished founded graduated \
     hates helped hired hopes invited joined knows learned left likes lived lives loves married mentioned \
     met moved owns planned plans plays practices prefers promised quit received recommended replied said \
     says sent signed speaks started studied studies suggested teaches thinks thought told traveled \
     travelled uses visited volunteers wants wears went wished won worked works wrote"
        .split_whitespace()
        .collect()
});

/// Capital letters that are a manner of speaking.
const SPOKEN: &[&str] = &[
    "AFAIK", "AKA", "AM", "ASAP", "BRB", "BTW", "CEST", "CET", "DM", "EDT", "EST", "ETA", "ETC", "FAQ",
    "FYI", "GMT", "IDK", "IIRC", "IMHO", "IMO", "IRL", "LMAO", "LOL", "NB", "NO", "OK", "OMG", "PDT", "PM",
    "PS", "PST", "RE", "ROFL", "TBA", "TBD", "TBH", "TLDR", "TODO", "UTC", "WTF", "YES",
];

/// All expect lower case, but [`is_spoken`].
pub(super) fn is_given(word: &str) -> bool {
    GIVEN.contains(word)
}

pub(super) fn is_common(word: &str) -> bool {
    COMMON.contains(word)
}

pub(super) fn is_human_verb(word: &str) -> bool {
    HUMAN_VERBS.contains(word)
}

pub(super) fn is_spoken(word: &str) -> bool {
    SPOKEN.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sound() {
        assert!(SPOKEN.is_sorted());
        let both: Vec<_> = GIVEN.intersection(&COMMON).collect();
        assert_eq!(both, Vec::<&&str>::new());
    }
}
