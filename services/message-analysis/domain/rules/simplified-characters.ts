/** Traditional characters, each followed by its simplified form: those of the default rules, and common ones beside them. */
const PAIRS =
  '轉转專专員员務务說说話话講讲請请幫帮這这個个們们嗎吗麼么機机對对應应電电號号撥拨導导經经營营負负責责領领關关係系聯联絡络訴诉詐诈騙骗偽伪虛虚傳传質质爛烂態态惡恶評评給给報报舉举發发訟讼協协會会費费權权' +
  '監监場场處处罰罚償偿賠赔貨货買买賣卖錢钱價价還还進进過过時时間间開开門门問问題题難难無无與与為为從从來来後后裡里裏里邊边見见觀观聽听讓让認认識识記记許许設设計计調调談谈論论証证證证護护試试詢询語语誰谁' +
  '課课謝谢變变實实寶宝當当點点黨党體体顧顾類类願愿預预須须頭头顯显飛飞館馆嚴严區区單单參参雙双嘗尝嚇吓園园圖图團团國国執执壞坏壓压夠够奪夺奮奋婦妇媽妈孫孙學学寫写將将尋寻層层屬属島岛師师帳帐帶带幣币廣广' +
  '廠厂張张強强彈弹歸归錄录徑径復复徵征恥耻悅悦惱恼愛爱慘惨慣惯憑凭憤愤懷怀戰战戲戏拋抛掃扫掛挂採采換换揚扬損损搶抢摺折擇择擊击擔担據据擠挤擬拟擴扩擾扰攜携敗败敵敌數数斷断於于舊旧晉晋晝昼暈晕暫暂書书條条' +
  '業业極极樂乐樣样標标檢检欄栏歡欢歐欧歷历殺杀毀毁氣气決决沒没況况淚泪淨净測测湊凑準准溝沟滿满漢汉漲涨漿浆潔洁濟济灣湾烏乌煩烦熱热燈灯爭争爾尔牆墙狀状獨独獲获獎奖獻献現现環环產产畫画異异療疗癢痒盜盗盡尽' +
  '盤盘眾众睏困瞭了礙碍確确禮礼禍祸種种稱称穩稳窮穷競竞筆笔節节範范築筑簡简籤签糧粮紀纪約约紅红納纳純纯紙纸級级紛纷終终組组結结絕绝統统絲丝綁绑維维網网緊紧線线練练緩缓編编縮缩總总績绩織织續续罵骂習习聞闻' +
  '聲声職职肅肃脫脱腦脑臉脸臟脏臨临舖铺鋪铺藝艺藥药蘇苏術术衛卫衝冲補补裝装複复襪袜規规視视親亲覺觉訂订訊讯討讨訓训託托訪访詞词該该詳详誇夸誠诚誤误諒谅諾诺謊谎謙谦議议讀读讚赞豐丰貓猫財财貧贫貪贪販贩貴贵' +
  '貸贷貼贴賀贺資资賊贼賓宾賞赏賬账賴赖購购贈赠贏赢車车軟软輕轻載载輛辆輸输辦办農农運运達达違违遠远適适遲迟選选遺遗郵邮醜丑醫医釋释針针釣钓鈴铃銀银銷销鎖锁錯错鍵键鏡镜長长閉闭閒闲閱阅隊队陽阳階阶際际險险' +
  '隨随隱隐雖虽雜杂離离雲云靈灵靜静響响頁页順顺顏颜飯饭飲饮餓饿餘余養养駕驾騰腾驗验驚惊髮发鬆松鬧闹魚鱼鳥鸟麗丽麥麦黃黄齊齐齒齿龍龙嚟来搵找啲些佢他哋们冇没睇看咁这乜什';

/** By code point of the traditional character. Cantonese characters stand beside their Mandarin counterparts. */
const simplifiedByTraditional = new Map<string, string>();
for (let index = 0; index < PAIRS.length; index += 2) simplifiedByTraditional.set(PAIRS[index]!, PAIRS[index + 1]!);

/** The simplified form of a character; the character itself when it has none here. */
export function simplified(character: string): string {
  return simplifiedByTraditional.get(character) ?? character;
}
